#!/usr/bin/env python3
"""The session of docs/guide.md: two people at the terminal client, in tmux, with a service that dies.

    screen.py CHATD CHAT CHATCTL [--guide FILE [--write]]

Every step waits for the words it expects on the screen, with a deadline and without fixed
sleeps. --guide checks that the screens in FILE are ones of this session; with --write they are
replaced by what was captured. Needs tmux and no terminal.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

DEADLINE_S = 60
POLL_S = 0.05
COLUMNS, ROWS = 86, 16
SKIPPED = 77

# What must not happen when it is printed: clear the screen, set the title, turn the line.
HOSTILE = "\033[2Jclear\033]0;owned\007 title \u202egnp.exe"
NOTHING = ("--store.segment_bytes=1MiB", "--limits.drain_ms=200ms", "--limits.drain_grace_ms=100ms")


class Failure(Exception):
    pass


class Service:
    """chatd, on the same port each time."""

    def __init__(self, args, folder):
        self.args, self.data, self.port, self.process = args, os.path.join(folder, "data"), 0, None
        self.log = open(os.path.join(folder, "chatd.log"), "ab")

    def start(self):
        self.process = subprocess.Popen(
            [self.args.chatd, "--data", self.data, f"--router.listen=127.0.0.1:{self.port}",
             "--router.admin_listen=none", *NOTHING],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, text=True)
        ready = re.search(r" listen=(\d+)", self.process.stdout.readline())
        if not ready:
            raise Failure("chatd does not start")
        self.port = int(ready.group(1))

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.process = None

    def url(self):
        return f"wss://localhost:{self.port}/"

    def token(self, user):
        return subprocess.run([self.args.chatctl, "token", user, "--data", self.data], check=True,
                              capture_output=True, text=True).stdout.strip()


class Tmux:
    """A server of its own, that nobody sees."""

    def __init__(self, folder):
        self.socket = os.path.join(folder, "tmux")
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("TMUX", "LC_"))}
        self.env.update(LC_ALL="C.UTF-8", TERM="screen", TZ="UTC")

    def run(self, *args):
        return subprocess.run(["tmux", "-u", "-S", self.socket, "-f", "/dev/null", *args],
                              check=True, env=self.env, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True).stdout

    def stop(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], env=self.env,
                       stdin=subprocess.DEVNULL, capture_output=True, check=False)


class Screen:
    """One terminal with a chat in it, or what came after it."""

    def __init__(self, tmux, name, command):
        self.tmux, self.name = tmux, name
        # A shell stays when chat is gone, so that one sees what it left behind.
        tmux.run("new-session", "-d", "-s", name, "-x", str(COLUMNS), "-y", str(ROWS),
                 f"{command}; echo \"chat has ended with $?\"; stty -a | grep -o -e '-*echo ' | "
                 "head -n 1; exec cat")

    def text(self):
        return self.tmux.run("capture-pane", "-p", "-t", self.name)

    def type(self, text):
        self.tmux.run("send-keys", "-t", self.name, "-l", text)

    def keys(self, *names):
        self.tmux.run("send-keys", "-t", self.name, *names)

    def say(self, text):
        self.type(text)
        self.keys("Enter")

    def until(self, *words, absent=()):
        """Waits for all words, then returns the screen."""
        end = time.monotonic() + DEADLINE_S
        while True:
            text = self.text()
            missing = [w for w in words if w not in text]
            if not missing and not any(w in text for w in absent):
                return text
            if time.monotonic() > end:
                raise Failure(f"{self.name}: waited for {missing}, without {list(absent)}:\n{text}")
            time.sleep(POLL_S)

    def leave(self):
        """Back to writing. What follows Escape at once would be taken for Alt and that key."""
        self.keys("Escape")
        self.until(absent=["Esc back to writing"])

    def asks(self, what):
        return self.tmux.run("display-message", "-p", "-t", self.name, what).strip()

    def resize(self, columns, rows):
        self.tmux.run("resize-window", "-t", self.name, "-x", str(columns), "-y", str(rows))

    def find_process(self):
        """The pid of chat, child of the pane's shell."""
        shell = self.asks("#{pane_pid}")
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
                    name, rest = f.read().split("(", 1)[1].rsplit(")", 1)
            except OSError:
                continue  # it has ended meanwhile
            if name == "chat" and rest.split()[1] == shell:
                return int(pid)
        raise Failure(f"{self.name}: there is no chat in it")


class Session:
    def __init__(self, args, folder):
        self.args, self.folder = args, folder
        self.tmux = Tmux(folder)
        self.service = Service(args, folder)
        self.shown = {}

    def command(self, user, *more, token=None):
        token = token or self.service.token(user)
        words = [self.args.chat, "--ca", os.path.join(self.service.data, "keys/ca.pem"),
                 "--log", os.path.join(self.folder, user + ".log"), "--token", token, *more,
                 self.service.url()]
        return " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)

    def open(self, user, *more, name=None, token=None):
        cache = os.path.join(self.folder, user + ".db")
        return Screen(self.tmux, name or user,
                      self.command(user, "--cache", cache, *more, token=token))

    def keep(self, name, text):
        self.shown[name] = "\n".join(line.rstrip() for line in text.rstrip("\n").split("\n"))

    def pipe(self, user, channel, lines):
        """What a script would do: lines in, and leave."""
        subprocess.run(self.command(user, "--quit-at-end", "--channel", channel), shell=True,
                       input="".join(line + "\n" for line in lines), text=True, check=True,
                       capture_output=True, timeout=DEADLINE_S)


def begin(s):
    s.service.start()
    bob = s.open("bob")
    bob.until("bob, online", "(no conversations)")
    zoe = s.open("zoë")
    s.keep("empty", zoe.until("zoë, online", "(no conversations)"))
    return zoe, bob


def talk(s, zoe, bob):
    zoe.say("/direct bob")
    zoe.until("● bob")
    zoe.type("hello bob, 日本語 and 👋")
    zoe.until("> hello bob, 日本語 and 👋")
    zoe.keys("Enter")
    bob.until("● zoë", "hello bob, 日本語 and 👋")
    s.keep("first", zoe.until("hello bob, 日本語 and 👋 ✓✓ seen"))

    bob.type("I am ty")
    zoe.until("bob is typing")
    bob.keys("C-u")
    zoe.until(absent=["bob is typing"])

    bob.keys("Up")
    bob.until("▶", "r reply")
    bob.keys("r")
    bob.until("answers zoë: hello bob")
    bob.say("hello zoë, what a plaesant day")
    zoe.until("│ zoë: hello bob", "what a plaesant day")


def change(s, zoe, bob):
    bob.keys("Up", "e")
    bob.until("edits: hello zoë")
    bob.keys("C-u")
    bob.until("edits: hello zoë", absent=["> hello"])
    bob.say("hello zoë, what a pleasant day")
    zoe.until("pleasant day (edited)", absent=["plaesant"])

    zoe.keys("Up", "+")
    zoe.until("react: Enter")
    zoe.say(":tada")
    bob.until("🎉 1")
    s.keep("reply", zoe.until("[🎉 1]", "pleasant day (edited)", "│ zoë: hello bob"))
    zoe.keys(":")
    zoe.until("react: Enter")
    zoe.say("6")
    bob.until(absent=["🎉"])

    zoe.leave()
    zoe.say("a mistake")
    bob.until("a mistake")
    zoe.keys("Up", "d")
    zoe.until("delete this message for everybody?", "a mistake")
    zoe.keys("n")
    zoe.until("a mistake ✓✓", absent=["delete this"])
    zoe.keys("d", "y")
    bob.until("(deleted)", absent=["a mistake"])


def group(s, zoe, bob):
    bob.type("a draft for zoë")
    bob.until("✎")
    zoe.leave()
    zoe.say("/group küche🎂 bob")
    zoe.until("#küche🎂")
    zoe.say("we need a cake for @bob")
    bob.until("# küche🎂", "@1 1")
    zoe.until("we need a cake for @bob ✓")
    bob.keys("Tab")
    bob.until("▶", "Enter open")
    bob.keys("Up", "Up", "Enter")
    s.keep("new", bob.until("#küche🎂", "new messages", "we need a cake", "zoë              ✎"))
    zoe.until("seen by bob")
    bob.say("for me?")
    zoe.until("for me?")
    bob.until("for me? ✓", "seen by zoë", absent=["new messages"])
    bob.keys("C-n")
    bob.until("> a draft for zoë", "pleasant day")
    bob.keys("Tab")
    bob.until("Enter open")
    bob.keys("m")
    bob.until("⊘", "muted")
    bob.keys("m", "Escape")
    bob.until(absent=["⊘"])


def search(s, zoe, bob):
    bob.keys("C-f")
    bob.until("words:")
    bob.say("need cak")
    s.keep("search", bob.until("▶", "küche🎂  zoë: we need a cake"))
    bob.keys("Enter")
    bob.until("#küche🎂", "▶", "we need a cake", absent=["words:"])
    bob.leave()
    bob.keys("C-n")
    bob.until("> a draft for zoë")
    bob.keys("C-u")
    bob.until(absent=["a draft for zoë", "✎"])
    zoe.keys("C-n")
    zoe.until("● bob", "pleasant day")
    zoe.keys("F1")
    zoe.until("help: Up, Down", "WRITING")
    zoe.keys("Escape")
    zoe.until(absent=["WRITING"])


def paste(zoe):
    zoe.type("a\033[1;9Zb\033Oyc")  # keys that nobody knows are not typing
    zoe.until("> abc\n", "pleasant day")
    zoe.keys("C-u")
    zoe.tmux.run("set-buffer", "one line\nand another")
    zoe.tmux.run("paste-buffer", "-p", "-r", "-t", zoe.name)
    zoe.until("> one line\n  and another", "pleasant day")
    zoe.keys("C-u", "BSpace", "C-u")
    zoe.until(absent=["one line"])


def offline(s, zoe, bob):
    s.service.kill()
    zoe.until("OFFLINE, next try in")
    bob.until("OFFLINE")
    zoe.say("written in a tunnel")
    s.keep("offline", zoe.until("OFFLINE", "1 waiting to be sent", "written in a tunnel …waiting"))
    zoe.say("not meant so")
    zoe.until("not meant so …waiting", "2 waiting")
    zoe.keys("Up", "t")
    zoe.until("> not meant so", "1 waiting", absent=["not meant so …"])
    zoe.keys("C-u")
    zoe.until(absent=["not meant so", "✎"])
    s.service.start()
    zoe.keys("C-r")
    bob.keys("C-r")
    zoe.until("zoë, online", "written in a tunnel ✓✓ seen", absent=["OFFLINE", "…waiting"])
    text = bob.until("bob, online", "written in a tunnel")
    if text.count("written in a tunnel") != 1:
        raise Failure(f"it arrived more than once:\n{text}")


def harm(s, zoe, bob):
    before = zoe.asks("#{pane_title}")
    s.pipe("bob", "zoë", [HOSTILE])
    zoe.until("�[2Jclear�]0;owned� title �gnp.exe", "pleasant day", "● bob")
    bob.until("�[2Jclear")
    if zoe.asks("#{pane_title}") != before:
        raise Failure("a message has set the terminal's title")


def sizes(s, zoe):
    zoe.resize(44, 12)
    zoe.until("written in a tunnel", absent=["│ 1"])
    zoe.keys("Tab")
    zoe.until("küche🎂", absent=["tunnel"])
    zoe.keys("Escape")
    zoe.resize(10, 4)
    zoe.until("too small")
    zoe.resize(COLUMNS, ROWS)
    zoe.until("# küche🎂", "written in a tunnel", "zoë, online")


def leave(s, zoe, bob):
    """On the way out, whichever it is, the terminal is what it was."""
    zoe.say("/quit")
    zoe.until("chat has ended with 0\necho", absent=["tunnel"])
    os.kill(bob.find_process(), signal.SIGTERM)
    bob.until("chat has ended with 0\necho", absent=["tunnel"])
    for screen in (zoe, bob):
        if screen.asks("#{alternate_on}") != "0":
            raise Failure("chat left the terminal's other screen on")

    s.service.kill()
    again = s.open("zoë", name="again")
    again.until("OFFLINE", "zoë, offline", "# küche🎂", "pleasant day", "written in a tunnel")
    s.service.start()
    again.keys("C-r")
    again.until("zoë, online")
    again.keys("C-c")
    again.until("chat has ended with 0")

    refused = s.open("eve", name="refused", token="not.a.token")
    s.keep("refused", refused.until("OFFLINE: sign-in refused"))
    refused.keys("F10")
    refused.until("chat has ended with 1")


def run(s):
    zoe, bob = begin(s)
    talk(s, zoe, bob)
    change(s, zoe, bob)
    group(s, zoe, bob)
    search(s, zoe, bob)
    paste(zoe)
    offline(s, zoe, bob)
    harm(s, zoe, bob)
    sizes(s, zoe)
    leave(s, zoe, bob)


BLOCK = re.compile(r"(<!-- screen: (\w+) -->\n```text\n)((?:(?!```).*\n)*)(```\n)")


def check_guide(shown, path, write):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    names = [m.group(2) for m in BLOCK.finditer(text)]
    unknown = [name for name in names if name not in shown]
    if unknown or not names:
        raise Failure(f"{path} shows screens that are not of this session: {unknown}")
    if write:
        text = BLOCK.sub(lambda m: m.group(1) + shown[m.group(2)] + "\n" + m.group(4), text)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)


def print_logs(folder):
    for name in sorted(os.listdir(folder)):
        if name.endswith(".log"):
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as f:
                print(f"--- {name}\n" + "".join(f.readlines()[-30:]))


def main():
    parser = argparse.ArgumentParser()
    for program in ("chatd", "chat", "chatctl"):
        parser.add_argument(program, type=os.path.abspath)
    parser.add_argument("--guide")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    if not shutil.which("tmux"):
        print("no tmux here")
        return SKIPPED
    folder = tempfile.mkdtemp(prefix="libchat-screen.", dir="/var/tmp")
    s = Session(args, folder)
    try:
        run(s)
        if args.guide:
            check_guide(s.shown, args.guide, args.write)
        print(f"{len(s.shown)} screens as they should be")
        return 0
    except (Failure, subprocess.SubprocessError) as e:
        print(e)
        print_logs(folder)
        return 1
    finally:
        s.tmux.stop()
        s.service.kill()
        s.service.log.close()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
