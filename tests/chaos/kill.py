#!/usr/bin/env python3
"""Kills clients with -9 at random moments, again and again, on a live chatd.

    kill.py CHATD CHATCTL KILL_APP [--rounds N] [--seed N] [--keep]

Two users talk in three groups and a direct. ann's device and bob's second one are killed in
every round, each at a moment of its own, and started again on the same cache; bob's first
device stays. A moment is a number of lines that the application has said, then it is killed
from outside; or a number of changes of its disk, then it dies in the middle of one. Both
come from the seed. Nothing here waits for time to pass.

In the end every cache, and a new device of each user, must show the same history, and in it

  - each operation whose call returned, once; each that was only begun, at most once;
  - what a device sent into a channel in the order in which it was typed;
  - edits and deletions as they were made; read positions as far as they were moved.

On the way, over all deaths: an application is shown each message once and in order, gaps
said; read and stream positions of a cache never move back; PRAGMA integrity_check is ok.
"""

import argparse
import collections
import os
import random
import selectors
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

SILENCE_S = 60  # without a line from anybody: something hangs
LINES_MAX = 500
CHANGES_MAX = 900
OK, FULL = 0, -12


class Failed(Exception):
    pass


def check(truth, *what):
    if not truth:
        raise Failed(" ".join(str(w) for w in what))


class Service:
    def __init__(self, chatd, chatctl, folder):
        self.chatctl, self.data = chatctl, os.path.join(folder, "data")
        self.log = open(os.path.join(folder, "chatd.log"), "w", encoding="utf-8")
        self.process = subprocess.Popen(
            [chatd, "--data", self.data, "--router.listen=127.0.0.1:0",
             "--router.admin_listen=none", "--store.segment_bytes=4MiB", "--log.level=warn",
             "--limits.operations_per_second=100000", "--limits.operations_burst=100000",
             "--limits.reads_per_second=100000", "--limits.reads_burst=100000",
             "--limits.drain_ms=200ms", "--limits.drain_grace_ms=100ms"],
            stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        check(" ready " in line, "chatd did not start:", line)
        words = dict(w.split("=", 1) for w in line.split() if "=" in w)
        self.url = f"wss://localhost:{words['listen']}/"
        self.ca = os.path.join(self.data, "keys", "ca.pem")

    def ctl(self, *args):
        return subprocess.run([self.chatctl, *args, "--data", self.data], check=True,
                              capture_output=True, text=True).stdout.strip()

    def open(self, *args):
        return int(self.ctl(*args, "--url", self.url))

    def stop(self):
        self.process.terminate()
        code = self.process.wait(30)
        check(code == 0, "chatd ended with", code)


class Operation:
    """Something a user did, from the line before the call on."""

    def __init__(self, kind, channel, seq, number):
        self.kind, self.channel, self.seq, self.number = kind, channel, seq, number
        self.status, self.nonce = None, None  # None: the call never returned

    def acknowledged(self):
        return self.status == OK


class Device:
    """One cache, over all of its deaths, and what was said and shown on it."""

    def __init__(self, service, folder, app, subject, name):
        self.service, self.app, self.subject, self.name = service, app, subject, name
        self.cache = os.path.join(folder, name + ".db")
        self.dump = os.path.join(folder, name + ".dump")
        self.log = open(os.path.join(folder, name + ".log"), "w", encoding="utf-8")
        self.token = service.ctl("token", subject)
        self.process, self.rest = None, b""
        self.operations, self.current = [], None
        self.number = 1
        self.shown = {}  # channel: the last seq
        self.read = collections.defaultdict(int)
        self.renamed, self.refused = {}, set()
        self.lines = 0

    def start(self, mode, *more, cache=True):
        where = ["--cache", self.cache] if cache else []
        self.process = subprocess.Popen(
            [self.app, "--url", self.service.url, "--ca", self.service.ca, "--token", self.token,
             "--name", self.name, "--number", str(self.number), *where, *more, mode],
            stdout=subprocess.PIPE, bufsize=0)
        self.lines, self.rest = 0, b""

    def feed(self, data):
        """Takes what was read; what a death cut off is no line."""
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self.lines += 1
            self.log.write(line.decode() + "\n")
            self.hear(line.decode().split(" ", 5))

    def died(self, wanted):
        code = self.process.wait(30)
        self.process.stdout.close()
        if self.current:
            self.operations.append(self.current)
            self.current = None
        self.log.write(f"-- {code}\n")
        self.log.flush()
        check(code == wanted, self.name, "ended with", code, "instead of", wanted)

    def hear(self, words):
        what, args = words[0], words[1:]
        if what == "+":
            channel, at = int(args[1]), int(args[2])
            kind = args[0]
            if kind == "send":
                self.current = Operation(kind, channel, None, at)
            else:
                self.current = Operation(kind, channel, at,
                                         int(args[3]) if kind == "edit" else None)
            if self.current.number is not None:
                self.number = self.current.number + 1
        elif what == "=":
            status, device, counter = args[3], *args[4].split(" ")
            op, self.current = self.current, None
            op.status, op.nonce = int(status), (int(device), int(counter))
            check(op.status in (OK, FULL), self.name, op.kind, "said", op.status)
            self.operations.append(op)
            if op.kind == "mark" and op.acknowledged():
                self.read[op.channel] = max(self.read[op.channel], op.seq)
        elif what == "C":
            channel, stream, read = map(int, args)
            last = self.shown.get(channel, 0)
            check(stream >= last, self.name, channel, "went back to", stream, "from", last)
            check(read >= self.read[channel], self.name, channel, "is read up to", read,
                  "and was to", self.read[channel])
            self.shown[channel], self.read[channel] = stream, read
        elif what == "M":
            channel, seq = int(args[0]), int(args[1])
            last = self.shown.get(channel, 0)
            check(seq == last + 1, self.name, channel, "shows", seq, "after", last)
            self.shown[channel] = seq
        elif what == "G":
            channel, first, last = map(int, args)
            check(first == self.shown.get(channel, 0) + 1, self.name, channel, "gap at", first)
            self.shown[channel] = last
        elif what == "P":
            channel, read = map(int, args)
            check(read >= self.read[channel], self.name, channel, "read", read)
            self.read[channel] = read
        elif what == "N":
            old_device, old, device, new = map(int, args)
            self.renamed[(old_device, old)] = (device, new)
        elif what == "O":
            self.refused.add((int(args[0]), int(args[1])))
        elif what in ("!", "Z", "D"):
            raise Failed(f"{self.name}: {' '.join(words)}")

    def nonce_now(self, nonce):
        while nonce in self.renamed:
            nonce = self.renamed[nonce]
        return nonce

    def check_file(self, folder):
        """On a copy: what is beside the file is for the application to recover."""
        copy = os.path.join(folder, "copy.db")
        for end in ("", "-wal"):
            if os.path.exists(copy + end):
                os.remove(copy + end)
            if os.path.exists(self.cache + end):
                shutil.copyfile(self.cache + end, copy + end)
        if not os.path.exists(copy):
            return
        found = sqlite3.connect(copy)
        said = found.execute("PRAGMA integrity_check").fetchall()
        found.close()
        check(said == [("ok",)], self.name, "integrity_check:", said)


class Reader:
    """Reads what devices say until they end; kills them at their moments."""

    def __init__(self):
        self.selector = selectors.DefaultSelector()

    def add(self, device):
        self.selector.register(device.process.stdout, selectors.EVENT_READ, device)

    def remove(self, device):
        self.selector.unregister(device.process.stdout)

    def run(self, ends, moments):
        """`ends`: device -> exit code wanted. `moments`: device -> line to be killed at."""
        ends = dict(ends)
        while ends:
            ready = self.selector.select(SILENCE_S)
            check(ready, "silence")
            for key, _ in ready:
                device = key.data
                data = os.read(key.fd, 65536)
                if data:
                    device.feed(data)
                    if device in moments and device.lines >= moments[device]:
                        del moments[device]
                        device.process.kill()
                    continue
                check(device in ends, device.name, "ended by itself:", device.process.wait(30))
                self.remove(device)
                device.died(ends.pop(device))


def kill_round(rng, reader, victims):
    ends, moments, said = {}, {}, []
    for device in victims:
        device_seed = rng.randrange(1 << 30)
        if rng.random() < 0.5:
            line = rng.randrange(1, LINES_MAX)
            device.start("work", "--seed", str(device_seed))
            moments[device] = line
            said.append(f"{device.name} at line {line}")
        else:
            change = rng.randrange(1, CHANGES_MAX)
            device.start("work", "--seed", str(device_seed), "--die-at", str(change))
            said.append(f"{device.name} at change {change}")
        ends[device] = -signal.SIGKILL
        reader.add(device)
    reader.run(ends, moments)
    return ", ".join(said)


Message = collections.namedtuple("Message", "seq id author nonce rev deleted text")


def read_dump(path):
    """(channel -> [Message], channel -> read position)."""
    history, read = {}, {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            kind, *rest = line.rstrip("\n").split(" ", 9 if line[0] == "m" else 3)
            if kind == "c":
                channel, head, seq = map(int, rest)
                history[channel], read[channel] = [], seq
            else:
                channel, seq, number, author, device, counter, rev, deleted = map(int, rest[:8])
                check(seq == len(history[channel]) + 1, path, channel, "has", seq, "after",
                      len(history[channel]))
                history[channel].append(Message(seq, number, author, (device, counter), rev,
                                                bool(deleted), rest[8]))
    return history, read


def verify_sends(device, history):
    """Each that was acknowledged is in once; nothing is twice, nothing that was refused is in."""
    by_nonce, texts = {}, collections.Counter()
    for channel, messages in history.items():
        for m in messages:
            check(m.nonce not in by_nonce, "nonce", m.nonce, "is twice in the history")
            by_nonce[m.nonce] = (channel, m)
            texts[m.text] += not m.deleted
    for text, count in texts.items():
        check(count == 1 or text == "", text, "is in the history", count, "times")
    sent = 0
    for op in device.operations:
        if op.kind != "send" or op.status is None:
            continue
        if op.status == FULL:
            check(not texts[f"{device.name}-{op.number}"], device.name, op.number,
                  "is in, and its call failed")
            continue
        nonce = device.nonce_now(op.nonce)
        check(nonce not in device.refused, device.name, "message", op.number, "was refused")
        check(nonce in by_nonce, device.name, "message", op.number, "is lost")
        channel, m = by_nonce[nonce]
        check(channel == op.channel, device.name, op.number, "is in another channel")
        check(m.rev or m.text == f"{device.name}-{op.number}", device.name, op.number, "is", m)
        sent += 1
    return sent


def verify_order(device, history):
    """As typed: per channel the nonces of the acknowledged stand in the order of the calls."""
    typed = collections.defaultdict(list)
    for op in device.operations:
        if op.kind == "send" and op.acknowledged():
            typed[op.channel].append(device.nonce_now(op.nonce))
    for channel, nonces in typed.items():
        wanted = set(nonces)
        stand = [m.nonce for m in history[channel] if m.nonce in wanted]
        check(stand == nonces, device.name, channel, "is out of order")


def verify_alterations(device, history):
    """A message is as its last acknowledged alteration left it, or a later one that was begun."""
    per_message, altered = collections.defaultdict(list), 0
    for op in device.operations:
        if op.kind in ("edit", "delete"):
            per_message[(op.channel, op.seq)].append(op)
    for (channel, seq), ops in per_message.items():
        m = history[channel][seq - 1]
        ops = [op for op in ops if op.status != FULL
               and not (op.acknowledged() and device.nonce_now(op.nonce) in device.refused)]
        last = max((i for i, op in enumerate(ops) if op.acknowledged()), default=-1)
        fits = [op for op in ops[max(last, 0):]
                if (m.deleted if op.kind == "delete"
                    else m.text == f"{device.name}-{op.number}")]
        check(fits or last < 0, device.name, channel, seq, "is not as edited:", m)
        altered += last >= 0
    return altered


def settle(reader, victims, follower):
    """All that is queued goes out, by those who start talk first; then each says what it has."""
    for device in victims:
        device.start("settle")
        reader.add(device)
    reader.run({d: 0 for d in victims}, {})
    follower.process.terminate()
    reader.run({follower: 0}, {})
    devices = [*victims, follower]
    for device in devices:
        device.start("settle", "--dump", device.dump)
        reader.add(device)
    reader.run({d: 0 for d in devices}, {})


def audit(service, folder, app, reader, subject, wanted):
    """A new device of the user: what the server has, nothing else."""
    device = Device(service, folder, app, subject, subject + "-new")
    more = [w for c, seq in wanted.items() for w in ("--want", f"{c}:{seq}")]
    device.start("settle", "--dump", device.dump, *more, cache=False)
    reader.add(device)
    reader.run({device: 0}, {})
    return read_dump(device.dump)


def verify(service, folder, app, reader, devices):
    sent = altered = 0
    histories = {}
    for subject in ("ann", "bob"):
        wanted = collections.defaultdict(int)
        for d in devices:
            if d.subject == subject:
                for op in d.operations:
                    if op.kind == "mark" and op.acknowledged():
                        wanted[op.channel] = max(wanted[op.channel], op.seq)
        histories[subject], _ = audit(service, folder, app, reader, subject, wanted)
    check(histories["ann"] == histories["bob"], "two users see two histories")
    history = histories["ann"]
    for d in devices:
        own, read = read_dump(d.dump)
        check(own == history, d.name, "keeps another history than the server")
        sent += verify_sends(d, history)
        verify_order(d, history)
        altered += verify_alterations(d, history)
        for channel, seq in d.read.items():
            check(read[channel] >= seq, d.name, channel, "reads at", read[channel], "was", seq)
    return sent, altered, sum(len(m) for m in history.values())


def rounds(args, service, reader, folder, devices):
    ann, bob, second = devices
    rng = random.Random(args.seed)
    for title in ("one", "two", "three"):
        service.open("group", title, "ann", "bob")
    service.open("direct", "ann", "bob")
    bob.start("follow")
    reader.add(bob)
    for number in range(args.rounds):
        moment = kill_round(rng, reader, [ann, second])
        ann.check_file(folder)
        second.check_file(folder)
        print(f"round {number + 1}: {moment}", flush=True)
    settle(reader, [ann, second], bob)
    result = verify(service, folder, args.app, reader, devices)
    for device in devices:
        device.check_file(folder)
    return result


def run(args, folder):
    began = time.monotonic()
    service = Service(args.chatd, args.chatctl, folder)
    devices = []
    try:
        for subject, name in (("ann", "ann"), ("bob", "bob"), ("bob", "second")):
            devices.append(Device(service, folder, args.app, subject, name))
        sent, altered, total = rounds(args, service, Reader(), folder, devices)
        service.stop()
    finally:
        for process in [d.process for d in devices if d.process] + [service.process]:
            if process.poll() is None:
                process.kill()
    print(f"{args.rounds * 2} deaths in {args.rounds} rounds, {sent} acknowledged messages and "
          f"{altered} altered ones, {total} in the history: nothing lost, nothing twice, in "
          f"{time.monotonic() - began:.0f} s")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("chatd")
    parser.add_argument("chatctl")
    parser.add_argument("app")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100000)
    parser.add_argument("--keep", action="store_true", help="leave the files")
    args = parser.parse_args()
    print(f"seed {args.seed}: --seed {args.seed} kills at the same moments", flush=True)
    folder = tempfile.mkdtemp(prefix="libchat-kill.", dir="/var/tmp")
    try:
        run(args, folder)
    except Failed as why:
        print(f"FAILED: {why}\nfiles: {folder}", file=sys.stderr)
        return 1
    if args.keep:
        print(folder)
    else:
        shutil.rmtree(folder)
    return 0


sys.exit(main())
