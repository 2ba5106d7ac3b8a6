"""The layers of docs/ARCHITECTURE.md as a table, and what machines may not touch."""

# What the C standard gives and a machine may use: no clock, thread, signal or locale.
STANDARD = {
    "assert.h", "ctype.h", "errno.h", "float.h", "inttypes.h", "limits.h", "math.h",
    "stdalign.h", "stdarg.h", "stdbool.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h",
    "stdnoreturn.h", "string.h",
}
# Words of the processor and the sanitizers, no more than libc.
COMPILER = {"nmmintrin.h", "arm_acle.h", "sanitizer/asan_interface.h"}
PROTOBUF = {"protobuf-c/protobuf-c.h"}
SQLITE = {"sqlite3.h"}
# What the embedded engine and its disk need of the system: files and a helper thread.
POSIX_FILES = {
    "dirent.h", "fcntl.h", "pthread.h", "sys/file.h", "sys/stat.h", "sys/statvfs.h",
    "sys/types.h", "sys/uio.h", "time.h", "unistd.h",
}

# Public headers that each layer may see. libchat/libchat.h takes in everything.
PUBLIC_BASE = {"alloc", "export", "limits", "log", "status"}

# Folders, the longest first; the value says what may be included: `own` are folders of
# lib/, `system` names from outside, `public` headers of include/libchat (None: any).
LAYERS = [
    ("lib/server/store/", {
        "own": ("base", "wire", "server", "server/store"), "system": set(), "public": None}),
    ("lib/server/router/", {
        "own": ("base", "wire", "server", "server/router"), "system": set(), "public": None}),
    ("lib/server/presence/", {
        "own": ("base", "wire", "server", "server/presence"), "system": set(), "public": None}),
    ("lib/server/", {
        "own": ("base", "wire", "server"), "system": set(), "public": None}),
    ("lib/client/", {
        "own": ("base", "wire", "cache", "client"), "system": set(), "public": None}),
    ("lib/cache/", {
        "own": ("base", "wire", "cache"), "system": SQLITE, "public": None}),
    ("lib/wire/", {
        "own": ("base", "wire"), "system": PROTOBUF, "public": None}),
    ("lib/base/", {
        "own": ("base",), "system": COMPILER, "public": PUBLIC_BASE}),
    ("lib/testkit/", {
        "own": ("base", "wire", "server", "server/router", "server/presence", "server/store",
                "testkit"), "system": set(), "public": None}),
    ("lib/transport/", {
        "own": ("base", "wire", "transport"), "system": None, "public": None}),
    ("lib/api/", None),
    ("include/libchat/adapters/", {
        "own": (), "system": {"uv.h", "poll.h"}, "public": None}),
    ("include/libchat/", {
        "own": (), "system": set(), "public": None}),
]

# Files that know a library of their own: (path begins with, what it adds).
EXTRA_SYSTEM = [
    ("lib/server/auth", ("openssl/", "jansson.h")),
    ("lib/server/ticket", ("openssl/", "jansson.h")),
    ("lib/server/store/engine_", ("sqlite3.h",) + tuple(sorted(POSIX_FILES))),
    ("lib/server/store/disk_", tuple(sorted(POSIX_FILES))),
]

# Hosts of a machine's outside world that live beside it: what they call is their business.
NOT_MACHINES = ("lib/server/store/engine_", "lib/server/store/disk_", "lib/transport/",
                "lib/api/", "lib/base/alloc.c")
MACHINE_FOLDERS = ("lib/base/", "lib/wire/", "lib/cache/", "lib/client/", "lib/server/")

_CLOCK = "time comes with the event"
_MEMORY = "memory comes from the allocator handed in"
_FILES = "files are the host's"
_SOCKETS = "sockets are the host's"
_WORLD = "the host hands in what it wants known"
_TIMES = ("time", "clock", "clock_gettime", "gettimeofday", "timespec_get", "nanosleep",
          "usleep", "sleep", "ftime")
_ALLOCATORS = ("malloc", "calloc", "realloc", "reallocarray", "free", "strdup", "strndup",
               "asprintf", "vasprintf", "aligned_alloc", "posix_memalign")
_FILE_CALLS = ("fopen", "fdopen", "freopen", "tmpfile", "remove", "rename", "opendir")
_SOCKET_CALLS = ("socket", "setsockopt", "getaddrinfo", "epoll_wait")
_WORLD_CALLS = ("getenv", "secure_getenv", "setenv", "getrandom", "getentropy", "arc4random")

MACHINE_PREFIXES = ("pthread_", "thrd_", "mtx_")

MACHINE_CALLS = {}
for _names, _why in ((_TIMES, _CLOCK), (_ALLOCATORS, _MEMORY), (_FILE_CALLS, _FILES),
                     (_SOCKET_CALLS, _SOCKETS), (_WORLD_CALLS, _WORLD)):
    for _name in _names:
        MACHINE_CALLS[_name] = _why

# What roles share also reads its config and keys at start.
SERVER_START_CALLS = set(_FILE_CALLS) | {"getenv"}


def layer_of(path):
    """(folder, rules), or None where there are no rules."""
    for folder, rules in LAYERS:
        if path.startswith(folder):
            return (folder, rules) if rules else None
    return None


def machine_calls(path):
    """What may not be called in this file, {name: why}; empty when it is no machine."""
    if path.startswith(NOT_MACHINES) or not path.startswith(MACHINE_FOLDERS):
        return {}
    if path.startswith("lib/server/") and path.count("/") == 2:
        return {n: why for n, why in MACHINE_CALLS.items() if n not in SERVER_START_CALLS}
    return MACHINE_CALLS


def _system_problem(path, folder, rules, name):
    if name in STANDARD or rules["system"] is None or name in rules["system"]:
        return None
    for start, extra in EXTRA_SYSTEM:
        if path.startswith(start) and name.startswith(extra):
            return None
    return f"{folder} may not use <{name}>"


def include_problem(path, layer, name, is_quoted):
    """What is wrong with including `name` here, or None."""
    folder, rules = layer
    if ".." in name.split("/"):
        return f"\"{name}\": name headers from lib/ or include/, not by .."
    if name.startswith("libchat/v1/"):
        return None if "wire" in rules["own"] else f"{folder} may not use the wire's {name}"
    if name.startswith("libchat/"):
        public = name[len("libchat/"):-len(".h")]
        if rules["public"] is not None and public not in rules["public"]:
            return f"{folder} may not use <{name}>"
        return None
    if not is_quoted:
        return _system_problem(path, folder, rules, name)
    if "/" not in name:
        return f"\"{name}\": name it from lib/, as in \"base/buf.h\""
    if name.rsplit("/", 1)[0] in rules["own"]:
        return None
    return f"{folder} may not use \"{name}\": it points up or sideways"
