#!/usr/bin/env python3
"""Prints tokens for many users, one a line, as chatctl token makes one.

    tokens.py SECRET_FILE COUNT
"""

import base64
import hashlib
import hmac
import json
import sys
import time


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def token(secret, subject):
    now = int(time.time())
    claims = {"iss": "dev", "aud": "libchat", "sub": subject, "name": subject,
              "iat": now, "exp": now + 3600}
    signed = encode(b'{"alg":"HS256","typ":"JWT"}') + b"." + encode(json.dumps(claims).encode())
    return signed + b"." + encode(hmac.new(secret, signed, hashlib.sha256).digest())


def main(args):
    with open(args[0], "rb") as f:
        secret = f.read().rstrip(b"\r\n")
    for number in range(int(args[1])):
        print(token(secret, f"account-{number}").decode())


if __name__ == "__main__":
    main(sys.argv[1:])
