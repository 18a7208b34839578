#!/usr/bin/env python3
"""Counts, with other parsers, what Regard's import should find in the corpus.

    python3 tests/golden/count.py ../shared/corpus > tests/golden/corpus-counts.json

Written against Python 3.11 (email, mailbox), vobject 0.9.9 and icalendar 7.3.0. It shares no code with Regard: the identity
rules are read anew from the design (section 2, "Identity"). tests/tests/import_counts.rs compares file by file; what differs
is explained in differences.json.

For every file: how many records of each kind it should give, and a digest of what its mails are known by (Message-ID, writer,
date), so that equal numbers of different things are found out. No content of any mail is written.
"""

import email
import email.header
import email.utils
import hashlib
import json
import mailbox
import os
import re
import sys
from datetime import datetime, timezone

import icalendar
import vobject

MAIL_HEADERS = ["From", "To", "Cc", "Subject", "Date", "Sender", "Message-ID", "Received", "Return-Path", "Delivered-To",
                "MIME-Version", "Content-Type"]


def digest(*parts):
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def text(value):
    """A header as text on one line, encoded words decoded."""
    if value is None:
        return ""
    try:
        decoded = str(email.header.make_header(email.header.decode_header(value)))
    except Exception:
        decoded = str(value)
    return " ".join(decoded.split())


def address(message):
    found = email.utils.getaddresses([str(message.get("From", ""))])
    return found[0][1].strip().lower() if found else ""


def date(message):
    parsed = email.utils.parsedate_tz(str(message.get("Date", "")))
    if parsed is None:
        return ""
    try:
        seconds = email.utils.mktime_tz(parsed)
        return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return ""


def mail_identity(message):
    """None where it is no mail."""
    if not any(name in message for name in MAIL_HEADERS):
        return None
    raw = " ".join(str(message.get("Message-ID", "")).split())
    in_brackets = re.search(r"<\s*([^<>]*?)\s*>", raw)
    message_id = (in_brackets.group(1) if in_brackets else raw).replace(" ", "")
    if message_id:
        return ("id", message_id, address(message), date(message))
    body = hashlib.sha256(repr(message.get_payload()).encode("utf-8", "surrogatepass")).hexdigest()
    return ("content", address(message), text(message.get("To")), date(message), text(message.get("Subject")), body)


def mails(path):
    if path.endswith(".mbox"):
        box = mailbox.mbox(path, create=False)
        messages = [box.get_message(key) for key in box.keys()]
        box.close()
    else:
        with open(path, "rb") as file:
            data = file.read()
        # A "From " line of an mbox file may stand before the message.
        if re.match(rb">?From ", data):
            data = data.split(b"\n", 1)[1] if b"\n" in data else b""
        messages = [email.message_from_bytes(data)]
    found = [mail_identity(message) for message in messages]
    return [("email", identity) for identity in found if identity]


def decode(data):
    for charset in ("utf-8-sig", "cp1252", "latin-1"):
        try:
            return data.decode(charset)
        except UnicodeDecodeError:
            pass


def is_value(card, name, wanted):
    return any(str(line.value).strip().lower() == wanted for line in card.contents.get(name, []))


def cards(path):
    with open(path, "rb") as file:
        content = decode(file.read())
    records = []
    for card in vobject.readComponents(content, validate=False, transform=False, ignoreUnreadable=True, allowQP=True):
        if card.name.upper() != "VCARD":
            continue
        if is_value(card, "kind", "group") or is_value(card, "x-addressbookserver-kind", "group"):
            continue
        is_org = is_value(card, "kind", "org") or is_value(card, "x-abshowas", "company")
        uids = [str(line.value).strip() for line in card.contents.get("uid", [])]
        if uids and uids[0]:
            identity = ("uid", uids[0])
        else:
            # Not str(line): for pictures that has an address in memory.
            lines = sorted(f"{name} {sorted(line.params.items())} {line.value!r}"
                           for name, found in card.contents.items() for line in found
                           if name not in ("rev", "prodid", "version"))
            identity = ("content", *lines)
        records.append(("account" if is_org else "contact", identity))
    return records


KINDS = {"VEVENT": "appointment", "VTODO": "task"}


def calendar(path):
    with open(path, "rb") as file:
        content = decode(file.read())
    records = {}
    for root in icalendar.Component.from_ical(content, multiple=True):
        for component in root.walk():
            kind = KINDS.get(component.name)
            if kind is None:
                continue
            uid = " ".join(str(component.get("UID", "")).split())
            if uid:
                identity = ("uid", uid)
            else:
                lines = component.to_ical().decode("utf-8", "replace").splitlines()
                identity = ("content", *sorted(line for line in lines if not line.startswith(("DTSTAMP", "LAST-MODIFIED"))))
            # An override belongs to the record of its UID, and a file of overrides only gives that record too.
            key = (kind, identity) if uid else (kind, identity, len(records))
            records[key] = (kind, identity)
    return list(records.values())


READERS = {".eml": mails, ".mbox": mails, ".vcf": cards, ".ics": calendar}


def main(corpus):
    files, distinct = {}, {}
    for folder, _, names in os.walk(corpus):
        for name in names:
            path = os.path.join(folder, name)
            reader = READERS.get(os.path.splitext(name)[1])
            if reader is None:
                continue
            entry = {}
            try:
                records = reader(path)
            except Exception as error:
                # The other parser gives up on the whole file; differences.json says what is in it.
                records = []
                entry["unreadable"] = f"{type(error).__name__}"
            for kind, identity in records:
                entry[kind] = entry.get(kind, 0) + 1
                distinct.setdefault(kind, set()).add(identity)
            known = sorted("\0".join(identity[1:]) for kind, identity in records if kind == "email" and identity[0] == "id")
            if known:
                entry["known_by"] = digest(*known)
            files[os.path.relpath(path, corpus).replace(os.sep, "/")] = entry
    totals = {kind: len(found) for kind, found in sorted(distinct.items())}
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in sorted(files.items()))
    print(f'{{"distinct": {json.dumps(totals)},\n"files": {{\n{lines}\n}}}}')


if __name__ == "__main__":
    main(sys.argv[1])
