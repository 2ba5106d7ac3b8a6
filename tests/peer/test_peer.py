"""What a client generated from proto/ can rely on, against a real chatd over TLS."""

import asyncio
import os
import subprocess
import sys
import traceback

from peer import Closed, Peer, Refused
from libchat.v1 import client_pb2, types_pb2

TEXTS = ["hello", "grüße, 世界 🙂", "tab\tand\nnewline", "x" * 8192]


class Service:
    """A chatd of its own, on ports of its own."""

    def __init__(self, chatd, chatctl, folder):
        self.chatctl = chatctl
        self.data = os.path.join(folder, "data")
        self.process = subprocess.Popen(
            [chatd, "--data", self.data, "--router.listen=127.0.0.1:0",
             "--router.admin_listen=none", "--store.segment_bytes=1MiB", "--log.level=warn",
             "--limits.operations_per_second=2000", "--limits.operations_burst=4000",
             "--limits.lease_ms=500ms", "--presence_limits.lease_ms=2s",
             "--limits.drain_ms=200ms", "--limits.drain_grace_ms=100ms"],
            stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert " ready " in line, f"chatd did not start: {line!r}"
        words = dict(w.split("=", 1) for w in line.split() if "=" in w)
        self.url = f"wss://localhost:{words['listen']}/"
        self.ca = os.path.join(self.data, "keys", "ca.pem")

    def token(self, subject, ttl=600):
        return subprocess.run([self.chatctl, "token", subject, "--data", self.data, "--ttl",
                               str(ttl)], check=True, capture_output=True, text=True).stdout.strip()

    async def peer(self, subject, device_id):
        peer = await Peer.connect(self.url, self.ca, self.token(subject), device_id)
        peer.known = await peer.channels()
        return peer

    def stop(self):
        self.process.terminate()
        code = self.process.wait(30)
        assert code == 0, f"chatd ended with {code}"


async def pair(service, a, b):
    """Two users and their direct."""
    first = await service.peer(a, 11)
    second = await service.peer(b, 12)
    peer_id = await first.find(b)
    assert peer_id == second.welcome.user_id
    opened = await first.request(open_direct=types_pb2.OpenDirect(peer_id=peer_id))
    if opened.channel_id not in second.known:
        told = await second.next_push("channel_list")
        assert told.channels[0].head.channel_id == opened.channel_id
        assert told.channels[0].peer_id == first.welcome.user_id
    return first, second, opened.channel_id


async def signs_in_and_is_the_same_user_again(service):
    first = await service.peer("anna", 1)
    again = await service.peer("anna", 2)
    assert first.welcome.user_id == again.welcome.user_id != 0
    assert first.welcome.service_id == again.welcome.service_id != 0
    assert first.welcome.name == "anna"
    assert first.welcome.limits.text_bytes == 8192
    await first.close()
    await again.close()


async def what_one_sends_the_other_gets_byte_by_byte(service):
    a, b, channel = await pair(service, "ada", "bob")
    for text in TEXTS:
        sent = await a.send(channel, text)
        got = await b.next_push("message")
        assert (got.text, got.seq, got.message_id) == (text, sent.seq, sent.message_id)
        assert got.author_id == a.welcome.user_id
        assert sent.durability == types_pb2.DURABILITY_LOCAL_DISK
    await a.close()
    await b.close()


async def pages_are_whole_and_in_order(service):
    a, b, channel = await pair(service, "carl", "dora")
    texts = [f"number {i}" for i in range(450)]
    answers = await a.send_many(channel, texts)
    assert [s.seq for s in answers] == list(range(1, 451))
    pushed = [await b.next_push("message") for _ in texts]
    assert [m.text for m in pushed] == texts
    assert b.order == [(channel, i + 1) for i in range(450)]

    paged = await b.history(channel)
    assert [m.SerializeToString() for m in paged] == [m.SerializeToString() for m in pushed]
    newest = await b.request(fetch_history=types_pb2.FetchHistory(
        channel_id=channel, start_seq=0, limit=50, backwards=True))
    assert [m.seq for m in newest.messages] == list(range(401, 451))
    assert (newest.head.seq, newest.first_seq) == (450, 1)
    await a.close()
    await b.close()


async def a_repeat_gets_the_first_answer(service):
    a, b, channel = await pair(service, "emil", "finn")
    nonce = a.nonce(channel)
    first = await a.send(channel, "once", nonce)
    again = await a.send(channel, "once", nonce)
    assert (first.seq, first.message_id) == (again.seq, again.message_id)
    assert len(await b.history(channel)) == 1
    try:
        await a.send(channel, "another text", nonce)
        raise AssertionError("the same nonce with another body was taken")
    except Refused as refused:
        assert refused.problem.code == types_pb2.PROBLEM_NONCE_STALE
    await a.close()
    await b.close()


async def an_unseen_predecessor_is_waited_for(service):
    a, b, channel = await pair(service, "gerd", "hans")
    missing = a.nonce(channel)
    follower = a.nonce(channel)
    try:
        await a.send(channel, "second", follower)
        raise AssertionError("it overtook its predecessor")
    except Refused as refused:
        assert refused.problem.code == types_pb2.PROBLEM_OUT_OF_ORDER
    await a.send(channel, "first", missing)
    await a.send(channel, "second", follower)
    assert [m.text for m in await b.history(channel)] == ["first", "second"]
    await a.close()
    await b.close()


async def edits_and_deletes_are_told(service):
    a, b, channel = await pair(service, "ines", "jana")
    sent = await a.send(channel, "tpyo")
    await a.request(edit_message=types_pb2.EditMessage(
        channel_id=channel, nonce=a.nonce(channel), seq=sent.seq, text="typo"))
    edited = await b.next_push("changed")
    assert (edited.seq, edited.text, edited.message_id) == (sent.seq, "typo", sent.message_id)
    try:
        await b.request(edit_message=types_pb2.EditMessage(
            channel_id=channel, nonce=b.nonce(channel), seq=sent.seq, text="mine"))
        raise AssertionError("another's message was edited")
    except Refused as refused:
        assert refused.problem.code == types_pb2.PROBLEM_FORBIDDEN
    await a.request(delete_message=types_pb2.DeleteMessage(
        channel_id=channel, nonce=a.nonce(channel), seq=sent.seq))
    gone = await b.next_push("changed")
    assert gone.deleted and gone.text == "" and gone.rev > edited.rev
    await a.close()
    await b.close()


async def mentions_are_counted_and_reactions_are_told(service):
    a, b, channel = await pair(service, "ugo", "vera")
    sent = await a.request(send_message=types_pb2.SendMessage(
        channel_id=channel, nonce=a.nonce(channel), text="@vera",
        mention_ids=[b.welcome.user_id]))
    assert list((await b.next_push("message")).mention_ids) == [b.welcome.user_id]
    told = await b.next_push("mentions")
    assert (told.channel_id, told.count) == (channel, 1)
    await b.request(mark_read=types_pb2.MarkRead(channel_id=channel, seq=sent.seq))
    assert (await b.next_push("mentions")).count == 0

    react = types_pb2.React(channel_id=channel, nonce=b.nonce(channel), seq=sent.seq, emoji="👍")
    assert (await b.request(react=react)).rev == 1
    changed = await a.next_push("changed")
    assert [(r.emoji, list(r.user_ids)) for r in changed.reactions] == [
        ("👍", [b.welcome.user_id])]
    again = types_pb2.React(channel_id=channel, nonce=b.nonce(channel), seq=sent.seq, emoji="👍")
    assert (await b.request(react=again)).rev == 1  # it changed nothing
    found = await a.request(fetch_history=types_pb2.FetchHistory(
        channel_id=channel, message_id=sent.message_id, around=True, limit=9))
    assert [m.seq for m in found.messages] == [sent.seq]
    await a.close()
    await b.close()


async def a_removed_member_gets_nothing_more(service):
    a = await service.peer("karl", 21)
    b = await service.peer("lena", 22)
    opened = await a.request(create_group=types_pb2.CreateGroup(
        nonce=a.nonce(), name="three", member_ids=[b.welcome.user_id]))
    await b.next_push("channel_list")
    await a.send(opened.channel_id, "seen")
    await b.next_push("message")
    await a.request(set_member=types_pb2.SetMember(
        home_id=opened.home_id, user_id=b.welcome.user_id, permissions=0))
    await b.next_push("channel_removed")
    await a.send(opened.channel_id, "secret")
    try:
        await b.history(opened.channel_id)
        raise AssertionError("a removed member read the history")
    except Refused as refused:
        assert refused.problem.code in (types_pb2.PROBLEM_FORBIDDEN, types_pb2.PROBLEM_NOT_FOUND)
    assert len(b.order) == 1
    await a.close()
    await b.close()


async def a_ticket_resumes_without_a_token(service):
    a = await service.peer("mona", 31)
    ticket, user_id = a.welcome.ticket, a.welcome.user_id
    await a.close()
    assert ticket
    again = await Peer.connect(service.url, service.ca, "", 31, ticket)
    assert again.welcome.resumed and again.welcome.user_id == user_id
    await again.close()
    try:
        await Peer.connect(service.url, service.ca, "", 32, ticket)
        raise AssertionError("another device used the ticket")
    except (Refused, Closed):
        pass


async def presence_is_told_to_who_watches(service):
    a = await service.peer("nils", 41)
    b = await service.peer("olga", 42)
    await a.request(watch_presence=types_pb2.WatchPresence(user_ids=[b.welcome.user_id]))
    states = {}
    while states.get(b.welcome.user_id) != types_pb2.PRESENCE_STATE_ONLINE:
        batch = await a.next_push("presence")
        states.update((p.user_id, p.state) for p in batch.users)
    await b.close()
    while states.get(b.welcome.user_id) != types_pb2.PRESENCE_STATE_OFFLINE:
        batch = await a.next_push("presence")
        states.update((p.user_id, p.state) for p in batch.users)
    await a.close()


async def receipts_rise_and_are_told(service):
    a, b, channel = await pair(service, "rita", "sven")
    await a.send_many(channel, ["one", "two", "three"])
    await b.request(mark_receipts=types_pb2.MarkReceipts(marks=[
        types_pb2.ReceiptMark(channel_id=channel, delivered_seq=99, read_seq=2)]))
    told = await a.next_push("receipts")
    assert told.channel_id == channel
    by_b = [r for r in told.receipts if r.user_id == b.welcome.user_id]
    assert [(r.delivered_seq, r.read_seq) for r in by_b] == [(3, 2)]  # cut at the newest
    await b.request(mark_receipts=types_pb2.MarkReceipts(marks=[
        types_pb2.ReceiptMark(channel_id=channel, delivered_seq=1, read_seq=1)]))
    got = await a.request(fetch_receipts=types_pb2.FetchReceipts(channel_id=channel))
    kept = {r.user_id: (r.delivered_seq, r.read_seq) for r in got.receipts}
    assert kept[b.welcome.user_id] == (3, 2)
    again = await service.peer("rita", 13)
    listed = {r.user_id: (r.delivered_seq, r.read_seq) for r in again.known[channel].receipts}
    assert listed[b.welcome.user_id] == (3, 2)
    for peer in (a, b, again):
        await peer.close()


async def typing_is_passed_on_and_never_answered(service):
    a, b, channel = await pair(service, "theo", "ulla")
    second = await service.peer("theo", 14)
    typing = types_pb2.Typing(channel_id=channel, user_id=77, session_no=78)
    for _ in range(3):  # the repeats come too early and are dropped
        await a.send_frames([client_pb2.ClientFrame(typing=typing)])
    for other in (b, second):
        told = await other.next_push("typing")
        assert (told.channel_id, told.user_id) == (channel, a.welcome.user_id)
        assert not told.stop and not told.session_no
    await a.send_frames([client_pb2.ClientFrame(
        typing=types_pb2.Typing(channel_id=channel, stop=True))])
    assert (await b.next_push("typing")).stop
    await a.send(channel, "typed")  # after it, nothing of what was dropped can still come
    await b.next_push("message")
    assert b.pushes["typing"].empty() and "typing" not in a.pushes
    for peer in (a, b, second):
        await peer.close()


async def what_a_user_sets_his_devices_share(service):
    a, b, channel = await pair(service, "vera", "wim")
    second = await service.peer("vera", 15)
    muted = await a.request(set_channel_settings=types_pb2.SetChannelSettings(
        channel_id=channel, muted_until_ms=4102444800000))
    told = await second.next_push("channel_settings")
    assert (told.muted_until_ms, told.version) == (4102444800000, muted.version)

    first = await a.request(set_draft=types_pb2.SetDraft(channel_id=channel, text="dear wim,"))
    assert (first.text, first.device_id) == ("dear wim,", 11)
    assert (await second.next_push("draft")).version == first.version
    stale = await second.request(set_draft=types_pb2.SetDraft(
        channel_id=channel, text="not having seen it", base_version=0))
    assert (stale.text, stale.version) == ("dear wim,", first.version)
    next_ = await second.request(set_draft=types_pb2.SetDraft(
        channel_id=channel, text="dear wim, hello", base_version=first.version))
    assert next_.version > first.version and next_.device_id == 15
    # Its own writer is told as well.
    assert [(await a.next_push("draft")).version for _ in range(2)] == [first.version,
                                                                       next_.version]

    third = await service.peer("vera", 16)
    settings = third.known[channel].settings
    assert settings.muted_until_ms == 4102444800000 and settings.has_draft
    assert settings.draft_version == next_.version
    read = await third.request(set_draft=types_pb2.SetDraft(channel_id=channel))
    assert read.text == "dear wim, hello"
    await b.send(channel, "are you there?")
    await a.next_push("message")
    assert "draft" not in b.pushes and "channel_settings" not in b.pushes
    for peer in (a, b, second, third):
        await peer.close()


async def a_device_signed_out_needs_a_token(service):
    a = await service.peer("xaver", 61)
    lost = await service.peer("xaver", 62)
    ticket = lost.welcome.ticket
    devices = {d.device_id: d for d in (await a.request(
        fetch_devices=types_pb2.FetchDevices())).devices}
    assert {61, 62} <= devices.keys()
    assert devices[62].client == "peer.py/1"
    assert 0 < devices[62].first_seen_at_ms <= devices[62].last_seen_at_ms

    await a.request(sign_out_device=types_pb2.SignOutDevice(device_id=62))
    assert await asyncio.wait_for(lost.closed, 20) == 4002
    try:
        await Peer.connect(service.url, service.ca, "", 62, ticket)
        raise AssertionError("the ticket of a device that was signed out was taken")
    except Refused as refused:
        assert refused.problem.code == types_pb2.PROBLEM_UNAUTHENTICATED, refused
    left = await a.request(fetch_devices=types_pb2.FetchDevices())
    assert 62 not in [d.device_id for d in left.devices]

    back = await service.peer("xaver", 62)  # with a token
    tickets = [(61, a.welcome.ticket), (62, back.welcome.ticket)]
    await back.request(sign_out_everywhere=types_pb2.SignOutEverywhere())
    for peer in (a, back):
        assert await asyncio.wait_for(peer.closed, 20) == 4002
    for device_id, ticket in tickets:
        try:
            await Peer.connect(service.url, service.ca, "", device_id, ticket)
            raise AssertionError("a ticket of before the signing out was taken")
        except Refused as refused:
            assert refused.problem.code == types_pb2.PROBLEM_UNAUTHENTICATED, refused


async def who_breaks_the_rules_is_told_which(service):
    peer = await Peer.open(service.url, service.ca)
    try:
        await peer.send(1, "before hello")
        raise AssertionError("a message without a Hello was taken")
    except (Refused, Closed):
        pass
    assert await asyncio.wait_for(peer.closed, 20) == 4000

    for token in ("", "a.b.c", service.token("paul")[:-3] + "AAA"):
        peer = await Peer.open(service.url, service.ca)
        try:
            await peer.hello(token, 51)
            raise AssertionError("a bad token was taken")
        except Refused as refused:
            assert refused.problem.code == types_pb2.PROBLEM_UNAUTHENTICATED, refused
        assert await asyncio.wait_for(peer.closed, 20) == 4000

    peer = await service.peer("rosa", 52)
    await peer.socket.send(b"\xff\xff\xff\xff")
    assert await asyncio.wait_for(peer.closed, 20) == 1002
    peer = await service.peer("rosa", 53)
    try:
        await peer.socket.send(b"x" * 70000)
    except Exception:  # the router may close before it is all out
        pass
    assert await asyncio.wait_for(peer.closed, 20) in (1009, 1006)

    peer = await service.peer("rosa", 54)
    unknown = client_pb2.ClientFrame(request_id=999)  # no body that this version knows
    future = asyncio.get_running_loop().create_future()
    peer.waiting[999] = future
    await peer.send_frames([unknown])
    try:
        await asyncio.wait_for(future, 20)
        raise AssertionError("an empty frame was answered")
    except Refused as refused:
        assert refused.problem.code == types_pb2.PROBLEM_UNSUPPORTED, refused
    await peer.close()


TESTS = [
    signs_in_and_is_the_same_user_again,
    what_one_sends_the_other_gets_byte_by_byte,
    pages_are_whole_and_in_order,
    a_repeat_gets_the_first_answer,
    an_unseen_predecessor_is_waited_for,
    edits_and_deletes_are_told,
    mentions_are_counted_and_reactions_are_told,
    a_removed_member_gets_nothing_more,
    a_ticket_resumes_without_a_token,
    presence_is_told_to_who_watches,
    receipts_rise_and_are_told,
    typing_is_passed_on_and_never_answered,
    what_a_user_sets_his_devices_share,
    a_device_signed_out_needs_a_token,
    who_breaks_the_rules_is_told_which,
]


def main(chatd, chatctl, folder):
    service = Service(chatd, chatctl, folder)
    failed = 0
    try:
        for test in TESTS:
            try:
                asyncio.run(asyncio.wait_for(test(service), 60))
                print(f"ok      {test.__name__}", flush=True)
            except Exception:
                failed += 1
                print(f"FAILED  {test.__name__}", flush=True)
                traceback.print_exc()
    finally:
        service.stop()
    print(f"{len(TESTS) - failed} of {len(TESTS)} passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
