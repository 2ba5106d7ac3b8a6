/* Keys for tests of tokens, made for this and used nowhere else. */
#ifndef CHAT_TESTS_TOKEN_KEYS_H
#define CHAT_TESTS_TOKEN_KEYS_H

static const char key_rsa_private[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQCwSPcF33azmywc\n"
    "Qx9GHjAcjhXbE8LfiZu2i1TGoZDHc4Ii3E6qJ8JrTZCxJ8bWSbbPbAtpCFUEQNjY\n"
    "p5GzET9GnEsAX0KMeNsPWH2s9Hz84pcslvNy33erBv2iX2An0Egtvh/blwcUs/8C\n"
    "Hwj3dYcH7N0xsO+Fc0W2hPnlskiv6H1jRD15fAVUX3Z2LYPbCvLaWDqhInGr4up0\n"
    "QZZhP7HDe3K/qNqEivzR9NaqnYZFi4vJ2gCp4yMeX5ABkSjGSLfQiosmhhumh13/\n"
    "9I9b1b2+v5+cNygXk5AObl2L0F9wf734MxZbnT4uwClbtOfQASbWhDKV9uMjwXIk\n"
    "GvZnwvSxAgMBAAECggEAA9V5aFt6Xhh8yIpR670oNhXFvkmPLFwGer1L4SRGRR0z\n"
    "LkmI7TDPTNS/deff3l0U7IzMsHqHuU+E+8zEqZ6hV/p6E9puhMYz2vEFbjGUxo3x\n"
    "xFyt06CuLkY5FcsB2QnRyQtkj1q48uOBgzj8MaAQ6UxmqOAQjIAj2u7oTa1fgPJZ\n"
    "55DxvsQ6pwEZFpBSOu2m8ZhmHrydW1ycsDk1ynR1/y4I/2nUV0Iff7f7SeiXFakG\n"
    "oG9u12h8Asf7RdPJCyLC40Laa/5hbCGiesWvjeT/4P7u/WQRMXUVUpqarU8BMLgj\n"
    "SqQvhVDFfyjZuNuu+poLva6ccmWKX3V0q3yr8WpcAQKBgQDfuBqq++Da+dXV8Nqj\n"
    "unPwdfXxvOPSC3+FMp5uaB5vY3cKnLGuKgzcC0pys91F1ctHgl3zZnTTQbYEilFF\n"
    "ZkVuqEenZq2jKVg8N2D7LbWrFLZcnZdmSCdHZ0NSAEYj0591l6uzUUtODxm35CCa\n"
    "UBu2zCf0WXzElSTelvmEgpnwsQKBgQDJuLSF5C3ak4TLbgCBXF1sKQdaMDYHxU27\n"
    "eeVW+pPkg9I4CGoRDFuTBmh47jrkiEr2tL5yTMppASh5amtjX1RXd0TMfrdnY+eu\n"
    "+TW1MQXm3NrBr0hOQrpJAESIbFV2IvaTKCWPbRkL8R0hYTwfBO0tiz7jLxZPGMMl\n"
    "m1NpU1pEAQKBgBIXnXB+diy/T5/BnqznA0FLCNzH3dS6wVFQSqe7G9r+PD5LdcMT\n"
    "+35AG4EzMo3XQF1EGbz5aDE9ey7a0L/ACZVtXn4XO6uaSFx2Tg2CINL5FdZfmELZ\n"
    "SvPnUfZrt0BmeNrVrTkPNfvWFMpeVJSmLdeWoxSLuB9dwGGP7BXfSfvBAoGBAJeu\n"
    "zA/iBJjXVIOjs72SNq2eLGkk13wAYPMYNduxkIPEm86GhTtMj49+whAtExvFYJki\n"
    "UBKiq5FJzaV+4EFY7ZLXnGQo5MBZ310zB6+3rThr2hLKOxSeGHXMPbxXueubXs5I\n"
    "4fV3k93m8ICpHQw2KCKXEjLCtYPEmvksUwxgIQABAoGBAIs5yYj64cSV7AyKaNO6\n"
    "R2Z/1xBAYeS3CFwH0Upe6/l7yGFr80iOqf8pOsjfTpjCxfBrlHMiUnIZz8I0TNXx\n"
    "zAhrtBxBfqpBijZNpkER2C4erQDyyiNPFO0FbGPyoQRyo7ZHATL+2EQ3pl9UENQR\n"
    "UJwxa6S6z9kM3YUTzeTR7u0E\n"
    "-----END PRIVATE KEY-----\n";

static const char key_rsa_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAsEj3Bd92s5ssHEMfRh4w\n"
    "HI4V2xPC34mbtotUxqGQx3OCItxOqifCa02QsSfG1km2z2wLaQhVBEDY2KeRsxE/\n"
    "RpxLAF9CjHjbD1h9rPR8/OKXLJbzct93qwb9ol9gJ9BILb4f25cHFLP/Ah8I93WH\n"
    "B+zdMbDvhXNFtoT55bJIr+h9Y0Q9eXwFVF92di2D2wry2lg6oSJxq+LqdEGWYT+x\n"
    "w3tyv6jahIr80fTWqp2GRYuLydoAqeMjHl+QAZEoxki30IqLJoYbpodd//SPW9W9\n"
    "vr+fnDcoF5OQDm5di9BfcH+9+DMWW50+LsApW7Tn0AEm1oQylfbjI8FyJBr2Z8L0\n"
    "sQIDAQAB\n"
    "-----END PUBLIC KEY-----\n";

static const char key_rsa1024_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC5qvjIc3HRGZIAjRFrTJBrN/0f\n"
    "WsY9jfYJ6o5C2PtHFSneeyJGlCb1aFcmRjfhIdjqmB04YDZoys5HU8ZilMGEPa17\n"
    "vzN5ipm6WMgoGVIdYYRnzVK3VB8H37BkpksUxQeyHZFvm+oP1fkTaOLfGz28Rd/l\n"
    "oqsacFAoSrHv8wwQZQIDAQAB\n"
    "-----END PUBLIC KEY-----\n";

static const char key_ec_private[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgAJdCy+mW9Sac4x3S\n"
    "dprTntTvBB9mo+FPurr9MwWkMNmhRANCAAR3Uo5CEz0M0jVeLK6M8F/BoD5yyTy2\n"
    "8ZY9R0a85i4nTSXCAEspMk9xZY7nFTOjfUY/A5nm+K8tEBbrV20XGug5\n"
    "-----END PRIVATE KEY-----\n";

static const char key_ec_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEd1KOQhM9DNI1XiyujPBfwaA+csk8\n"
    "tvGWPUdGvOYuJ00lwgBLKTJPcWWO5xUzo31GPwOZ5vivLRAW61dtFxroOQ==\n"
    "-----END PUBLIC KEY-----\n";

static const char key_ec_certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBdTCCARugAwIBAgIUMo+2OORUpCDG05zBrzYC8z0nYV8wCgYIKoZIzj0EAwIw\n"
    "DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjIyMDI3MzFaGA8yMTI2MTAyOTIwMjcz\n"
    "MVowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABHdS\n"
    "jkITPQzSNV4srozwX8GgPnLJPLbxlj1HRrzmLidNJcIASykyT3FljucVM6N9Rj8D\n"
    "meb4ry0QFutXbRca6DmjUzBRMB0GA1UdDgQWBBQck9EnoQoZwYlNFkygDBcmRmXP\n"
    "OjAfBgNVHSMEGDAWgBQck9EnoQoZwYlNFkygDBcmRmXPOjAPBgNVHRMBAf8EBTAD\n"
    "AQH/MAoGCCqGSM49BAMCA0gAMEUCIGN7f5XC09MHESF71t4LTiSDM3oPHDoka52A\n"
    "1hLTTIrcAiEA8PgcBlsdOA+AdnqdbmuaqB7xzaUJqrqf07c/Wr3Bb2c=\n"
    "-----END CERTIFICATE-----\n";

static const char key_ec384_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE4tMIQ2zbybKhUUQPPt35WNlzsTc7p7Uj\n"
    "nuoqOEYZERC4XM53b+xZ2YDURhqlMu7ySnSAa2Y1EyyzQA8nfYRPec2DYgm7F1WH\n"
    "9V7ULUQ6C/t/Lt/8RK6GvEpdUsIa0+LN\n"
    "-----END PUBLIC KEY-----\n";

static const char key_ed_private[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIOOUV2Fw8djKy06kyWnCNtv2FriTJgIvUXCouhB9JHJ4\n"
    "-----END PRIVATE KEY-----\n";

static const char key_ed_public[] = "-----BEGIN PUBLIC KEY-----\n"
                                    "MCowBQYDK2VwAyEA+06i6PXbGui6B+F1d0mt2NF5WkPKWWGSj6KKD/dH9rA=\n"
                                    "-----END PUBLIC KEY-----\n";

#define KEY_RSA_N                                                                                  \
    "sEj3Bd92s5ssHEMfRh4wHI4V2xPC34mbtotUxqGQx3OCItxOqifCa02QsSfG1km2z2wLaQhVBEDY2KeRsxE_"         \
    "RpxLAF9CjHjbD1h9rPR8_OKXLJbzct93qwb9ol9gJ9BILb4f25cHFLP_Ah8I93WHB-zdMbDvhXNFtoT55bJIr-"       \
    "h9Y0Q9eXwFVF92di2D2wry2lg6oSJxq-LqdEGWYT-xw3tyv6jahIr80fTWqp2GRYuLydoAqeMjHl-"                \
    "QAZEoxki30IqLJoYbpodd__SPW9W9vr-fnDcoF5OQDm5di9BfcH-9-DMWW50-"                                \
    "LsApW7Tn0AEm1oQylfbjI8FyJBr2Z8L0sQ"
#define KEY_EC_X "d1KOQhM9DNI1XiyujPBfwaA-csk8tvGWPUdGvOYuJ00"
#define KEY_EC_Y "JcIASykyT3FljucVM6N9Rj8Dmeb4ry0QFutXbRca6Dk"
#define KEY_ED_X "-06i6PXbGui6B-F1d0mt2NF5WkPKWWGSj6KKD_dH9rA"

#endif
