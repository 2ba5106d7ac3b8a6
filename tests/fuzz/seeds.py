#!/usr/bin/env python3
"""Writes the seeds of the wire targets from the golden vectors: corpus/*/golden.hex.

  seeds.py            run it after tests/golden/add
"""
import pathlib

HERE = pathlib.Path(__file__).parent
GOLDEN = HERE.parent / "golden" / "v1"
ROWS = ["Record", "Note", "Message", "DeploymentRow", "MintRow", "HomeRow", "LsnRow",
        "ChannelRow", "MemberRow", "ChangeRow", "RingRow", "DirectoryRow", "CursorRow", "ListRow",
        "ReceiptRow", "SettingRow", "Draft", "DeviceRow"]
BATCHES = {"ClientBatch": "client_frames", "ServerBatch": "server_frames",
           "LinkBatch": "link_frames"}


def main():
    seeds = {}
    for path in sorted(GOLDEN.glob("*.hex")):
        first, *lines = path.read_text().split("\n\n", 1)[0].split("\n")
        name, wire = first.rsplit(".", 1)[1], bytes.fromhex("".join(lines))
        if name in BATCHES:
            seeds.setdefault(BATCHES[name], []).append(wire)
        else:
            seeds.setdefault("record", []).append(bytes([ROWS.index(name)]) + wire)
        if name in ("ClientBatch", "ServerBatch"):
            side = 1 if name == "ClientBatch" else 0
            framed = len(wire).to_bytes(4, "big") + wire
            seeds.setdefault("codec_stream", []).append(bytes([side, 0]) + framed * 2)
            seeds["codec_stream"].append(bytes([side, 7]) + framed)
    for target, inputs in seeds.items():
        folder = HERE / "corpus" / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "golden.hex").write_text("".join(i.hex() + "\n" for i in inputs))
        print(f"{target}: {len(inputs)} seeds")


main()
