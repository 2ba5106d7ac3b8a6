/* The token command: run beside the loop, so that nothing waits for it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app.h"

#define COMMAND_MAX 4095u /* bytes */

extern char **environ;

static bool spawn(struct app *app, int fd)
{
    char shell[] = "sh", flag[] = "-c", command[COMMAND_MAX + 1];
    char *args[] = {shell, flag, command, NULL};
    const size_t len = strlen(app->options.token_command);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    bool started;

    if (len > COMMAND_MAX)
        return false;
    memcpy(command, app->options.token_command, len + 1);
    if (posix_spawn_file_actions_init(&actions) != 0)
        return false;
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return false;
    }
    sigemptyset(&none); /* the screen blocks signals but for when it waits */
    started =
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0) == 0 &&
        posix_spawn_file_actions_adddup2(&actions, fd, STDOUT_FILENO) == 0 &&
        posix_spawnattr_setsigmask(&attributes, &none) == 0 &&
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK) == 0 &&
        posix_spawn(&app->token.pid, "/bin/sh", &actions, &attributes, args, environ) == 0;
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return started;
}

bool token_begin(struct app *app)
{
    int fds[2];

    if (!app->options.token_command)
        return false;
    if (app->token.pid != 0)
        return true;
    if (pipe2(fds, O_CLOEXEC) < 0)
        return false;
    app->token = (struct app_token){.fd = fds[0]};
    if (!spawn(app, fds[1]) || fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0) {
        close(fds[0]);
        close(fds[1]);
        app->token = (struct app_token){.fd = -1};
        return false;
    }
    close(fds[1]);
    return true;
}

int token_get_fd(const struct app *app) { return app->token.fd; }

bool token_is_ending(const struct app *app) { return app->token.pid != 0 && app->token.fd < 0; }

static void read_output(struct app *app)
{
    struct app_token *token = &app->token;
    ssize_t got;

    do {
        char rest[256];
        const size_t room = sizeof(token->text) - token->len;

        /* What is too long for a token is read and refused as too long. */
        got = room > 0 ? read(token->fd, token->text + token->len, room)
                       : read(token->fd, rest, sizeof(rest));
        if (got > 0 && room > 0)
            token->len += (size_t)got;
    } while (got > 0 || (got < 0 && errno == EINTR));
    if (got < 0 && errno == EAGAIN)
        return;
    close(token->fd);
    token->fd = -1;
}

static void use_output(struct app *app, int result)
{
    struct app_token *token = &app->token;

    while (token->len > 0 &&
           (token->text[token->len - 1] == '\n' || token->text[token->len - 1] == '\r'))
        token->len--;
    if (!WIFEXITED(result) || WEXITSTATUS(result) != 0)
        app->face.token_failed(app, "the token command failed");
    else if (chat_conn_set_token(app->conn, token->text, token->len) != CHAT_OK)
        app->face.token_failed(app, "the token command printed no token");
    memset(token->text, 0, sizeof(token->text));
    token->len = 0;
}

void token_turn(struct app *app)
{
    int result;

    if (app->token.pid == 0)
        return;
    if (app->token.fd >= 0)
        read_output(app);
    if (app->token.fd >= 0 || waitpid(app->token.pid, &result, WNOHANG) != app->token.pid)
        return;
    app->token.pid = 0;
    use_output(app, result);
}

void token_end(struct app *app)
{
    if (app->token.pid == 0)
        return;
    kill(app->token.pid, SIGTERM);
    if (app->token.fd >= 0)
        close(app->token.fd);
    (void)waitpid(app->token.pid, NULL, WNOHANG); /* init takes who is slower */
    app->token = (struct app_token){.fd = -1};
}
