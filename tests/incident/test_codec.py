"""One encoding of each block, and nothing else is one."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.incident.codec import MAX_BODY, NotAFact, Place, compact, decode, encode, starts_like_a_block
from shared.incident.facts import Diagnosed, Escalated, Stuck
from shared.incident.parts import Vote
from shared.incident.record import canonical_json
from shared.incident.replay import GENESIS, replay
from shared.incident.status import TRANSITIONS, Status
from shared.testing.log import LogBuilder, signer
from shared.testing.samples import START, evidence, sample

HEAD, TAIL = "<!-- sre-space:v1 ", " -->"
MOVES = sorted({move for row in TRANSITIONS.values() for move in row})
APPROVED = LogBuilder().to(Status.APPROVED)


def block_of(body: str) -> tuple[dict[str, object], str]:
    line, _, visible = body.partition("\n")
    return json.loads(line[len(HEAD) : -len(TAIL)]), visible


def entries_with(body: str) -> int:
    """How many facts replay takes when the last comment's body is `body`."""
    log = APPROVED.thread()
    last = log.comments[-1]
    comment = type(last)(last.id, last.author, body, last.created_at, last.created_at)
    thread = type(log)(**{f: getattr(log, f) for f in log.__slots__} | {"comments": (*log.comments[:-1], comment)})
    return len(replay(thread, APPROVED.keyring).entries)


@pytest.mark.parametrize("move", MOVES)
def test_every_fact_survives_its_encoding(move: str) -> None:
    fact = sample(move)
    body = encode(fact, "words", Place("acme/shop", 7, 3, "a" * 64), START, signer("scout"))
    block = decode(body)
    assert block.fact == fact
    assert block.place == Place("acme/shop", 7, 3, "a" * 64)
    assert block.text_intact
    assert body.startswith(HEAD)
    assert body.partition("\n")[0].count("--") == 2, "the HTML comment ends where the block ends"


def signed(body: str) -> bool:
    """Whether a block opens `body` and its signature holds."""
    try:
        block = decode(body)
    except NotAFact:
        return False
    return APPROVED.keyring.verifies(block.by, block.payload, block.signature, START)


def test_a_flipped_bit_anywhere_in_a_block_is_refused() -> None:
    body = APPROVED.comments[-1].body
    assert signed(body)
    for position in range(body.index("\n")):
        for bit in range(7):
            changed = body[:position] + chr(ord(body[position]) ^ (1 << bit)) + body[position + 1 :]
            assert not signed(changed), (position, bit)


@given(st.data())
def test_a_changed_character_in_any_block_is_refused(data: st.DataObject) -> None:
    body = data.draw(st.sampled_from([APPROVED.body, *(c.body for c in APPROVED.comments)]))
    position = data.draw(st.integers(0, body.index("\n") - 1))
    char = data.draw(st.characters().filter(lambda c: c != body[position]))
    log = APPROVED.thread()
    swap = {body: body[:position] + char + body[position + 1 :]}
    comments = tuple(
        type(c)(c.id, c.author, swap.get(c.body, c.body), c.created_at, c.updated_at) for c in log.comments
    )
    fields = {f: getattr(log, f) for f in log.__slots__} | {"comments": comments, "body": swap.get(log.body, log.body)}
    assert len(replay(type(log)(**fields), APPROVED.keyring).entries) < 3


@given(st.data())
def test_a_truncated_block_is_refused(data: st.DataObject) -> None:
    body = APPROVED.comments[-1].body
    assert entries_with(body[: data.draw(st.integers(0, body.index("\n")))]) == 2


def rewrite(body: str, how: str) -> str:
    """The same meaning, written differently."""
    block, visible = block_of(body)
    text = canonical_json(block)
    match how:
        case "spaces":
            text = json.dumps(block, sort_keys=True)
        case "key order":
            text = json.dumps(dict(reversed(block.items())), separators=(",", ":"))
        case "unicode escape":
            text = text.replace('"by":"g', '"by":"\\u0067')
        case "upper-case escape":
            text = text.replace("-", "-\\u002D", 1)
        case "duplicate key":
            text = '{"by":"scout",' + text[1:]
        case "duplicate key last":
            text = text[:-1] + ',"by":"guardrail"}'
        case "extra key":
            text = text[:-1] + ',"zzz":1}'
        case "unpadded signature":
            text = text.replace(str(block["sig"]), str(block["sig"]).rstrip("="))
        case "url-safe signature":
            raw = base64.b64decode(str(block["sig"]))
            text = text.replace(str(block["sig"]), base64.urlsafe_b64encode(raw).decode().rstrip("=") + "==")
            text = text if "_" in text or "-" in str(text) else text + " "
        case "loose trailing bits":
            sig = str(block["sig"])
            alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
            other = alphabet[alphabet.index(sig[-3]) ^ 1]
            text = text.replace(sig, sig[:-3] + other + "==")
        case "float number":
            text = text.replace('"seq":2', '"seq":2.0')
        case "number as text":
            text = text.replace('"seq":2', '"seq":"2"')
        case "time zone":
            text = text.replace("+00:00", "Z", 1)
        case "newline in block":
            text = text.replace(",", ",\n", 1)
        case "byte order mark":
            return "\ufeff" + body
        case "leading blank":
            return " " + body
        case "leading newline":
            return "\n" + body
        case "fence":
            return f"```\n{body}\n```"
        case "quote":
            return "\n".join(f"> {line}" for line in body.splitlines())
        case "indent":
            return f"    {body}"
        case "pasted below":
            return f"Look at this:\n\n{body}"
        case "next version":
            return body.replace("sre-space:v1", "sre-space:v2")
        case "version with zero":
            return body.replace("sre-space:v1", "sre-space:v01")
    assert how in ("byte order mark",) or text != canonical_json(block), how
    return f"{HEAD}{text}{TAIL}\n{visible}"


REWRITES = [
    "spaces", "key order", "unicode escape", "upper-case escape", "duplicate key", "duplicate key last", "extra key",
    "unpadded signature", "url-safe signature", "loose trailing bits", "float number", "number as text", "time zone",
    "newline in block", "byte order mark", "leading blank", "leading newline", "fence", "quote", "indent",
    "pasted below", "next version", "version with zero",
]  # fmt: skip


@pytest.mark.parametrize("how", REWRITES)
def test_the_same_meaning_written_differently_is_text(how: str) -> None:
    body = APPROVED.comments[-1].body
    assert entries_with(body) == 3
    assert entries_with(rewrite(body, how)) == 2


def test_an_unknown_version_is_listed_with_its_number_and_not_guessed_at() -> None:
    log = LogBuilder().to(Status.DETECTED)
    log.post(log.text(log.next("diagnosed")).replace("sre-space:v1", "sre-space:v2"))
    assert [r.reason for r in log.incident.rejected] == ["unknown version 2"]
    assert log.incident.status is Status.DETECTED


HOSTILE = [  # each a field of the block and what stands there instead
    '{"at":"0001-01-01T00:00:00+23:59"}',
    '{"seq":NaN}',
    '{"prev":Infinity}',
    '{"sig":NaN}',
    '{"text":-Infinity}',
    '{"by":["scout"]}',
    '{"by":{"scout":1}}',
    '{"incident":[]}',
    '{"incident":{"repo":NaN,"issue":7}}',
    '{"incident":null}',
    '{"sig":"\\ud800"}',
    '{"sig":"é"}',
    '{"sig":7}',
    '{"prev":' + "[" * 900 + "]" * 900 + "}",
    '{"prev":' + "[" * 100_000 + "]" * 100_000 + "}",
    '{"seq":' + "9" * 5000 + "}",
    '{"seq":true}',
    '{"fact":{"kind":"ruled"}}',
    '{"fact":{"kind":["ruled"]}}',
    '{"fact":null}',
    '{"at":null}',
    '{"at":"2026-01-01T12:00:00"}',
]


@pytest.mark.parametrize("change", HOSTILE, ids=lambda c: c[:40])
def test_no_block_makes_replay_raise(change: str) -> None:
    body = APPROVED.comments[-1].body
    block, visible = block_of(body)
    key, _, value = change[1:-1].partition(":")
    block[json.loads(key)] = "REPLACED"
    text = canonical_json(block).replace('"REPLACED"', value)
    for written in (text, text.replace("--", "-\\u002d")):
        assert entries_with(f"{HEAD}{written}{TAIL}\n{visible}") == 2


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda c: st.lists(c) | st.dictionaries(st.text(), c)
    )
)
def test_no_json_makes_replay_raise(value: object) -> None:
    assert entries_with(f"{HEAD}{json.dumps(value)}{TAIL}\nwords") == 2


@given(st.text())
def test_no_text_makes_replay_raise(text: str) -> None:
    assert entries_with(HEAD + text) == 2
    assert entries_with(text) == 2


def test_a_body_edited_in_the_browser_with_crlf_keeps_its_fact() -> None:
    body = APPROVED.comments[-1].body.replace("\n", "\r\n")
    assert entries_with(body) == 3
    assert decode(body).text_intact


def test_edited_prose_is_flagged_and_keeps_its_fact() -> None:
    body = APPROVED.comments[-1].body.replace("allow", "veto!")
    # the block says "allow" too: edit the prose alone
    line, _, visible = APPROVED.comments[-1].body.partition("\n")
    edited = f"{line}\n{visible.replace('allow', 'veto')}"
    assert edited != APPROVED.comments[-1].body
    assert entries_with(edited) == 3
    assert not decode(edited).text_intact
    assert entries_with(body) == 2


def test_a_giant_fact_fits_a_comment_and_the_cut_is_said() -> None:
    log = LogBuilder().to(Status.DETECTED)
    many = tuple(evidence(n, f"`<b>` {n} " + "é" * 145) for n in range(40))
    body = log.text(Escalated(reason="r" * 300, brief="b" * 4000, evidence=many))
    assert 50_000 < len(body) <= MAX_BODY
    block = decode(body)
    assert isinstance(block.fact, Escalated)
    assert len(block.fact.evidence) == 40
    assert block.text_intact
    assert "the whole fact stands in the block" in body
    cut = body[: body.index("_… cut")].rstrip("\n")
    assert cut.splitlines()[-1].endswith("|"), "cut between lines, never inside markup"


def test_a_fact_whose_block_alone_is_too_long_is_an_error_and_its_compact_form_is_not() -> None:
    log = LogBuilder().to(Status.DETECTED)
    many = tuple(evidence(n, "é" * 300) for n in range(40))
    fact = Escalated(reason="é" * 300, brief="é" * 4000, evidence=many)
    with pytest.raises(ValueError, match="does not fit"):
        log.text(fact)
    short = decode(log.text(compact(fact))).fact
    assert isinstance(short, Escalated)
    assert [e.sha256 for e in short.evidence] == [e.sha256 for e in many]


def test_a_block_from_before_the_panel_still_has_its_one_encoding() -> None:
    log = LogBuilder().to(Status.DETECTED)
    full = log.next("diagnosed")
    assert isinstance(full, Diagnosed)
    plain = {"settle": None, "exhibit": None, "steered": "", "frozen": None}
    old = full.model_copy(
        update=plain | {"hypotheses": tuple(h.model_copy(update={"votes": ()}) for h in full.hypotheses)}
    )
    written = old.model_dump(mode="json")
    assert set(written) == {
        "kind", "attempt", "root_cause", "cause", "service", "confidence", "hypotheses", "evidence", "missing",
        "directive",
    }  # fmt: skip
    assert set(written["hypotheses"][0]) == {"id", "service", "cause", "probability", "why", "evidence"}
    assert set(sample("stuck").model_copy(update={"hypotheses": ()}).model_dump()) == {"kind", "reason", "todo"}
    assert decode(log.text(old)).fact == old


@pytest.mark.parametrize("letter", ["a", "é", "\U0001f600", "`", "-"])
def test_the_largest_diagnosis_that_brain_writes_fits_a_comment_if_need_be_without_its_exhibit(letter: str) -> None:
    log = LogBuilder().to(Status.DETECTED)
    full = log.next("diagnosed")
    assert isinstance(full, Diagnosed)
    assert full.exhibit is not None
    votes = tuple(Vote(analyst=f"analyst-{n}", nats=1.0, why=letter * 160) for n in range(10))
    ids = tuple(f"container-{'x' * 60}-{n:08x}" for n in range(16))
    large = full.model_copy(
        update={
            "hypotheses": tuple(
                full.hypotheses[0].model_copy(update={"why": letter * 300, "votes": votes, "evidence": ids[:8]})
                for _ in range(6)
            ),
            "evidence": tuple(evidence(n, letter * 300).model_copy(update={"id": i}) for n, i in enumerate(ids)),
            "missing": (letter * 300,) * 12,
            "exhibit": full.exhibit.model_copy(update={"worst": letter * 4000, "normal": letter * 2500}),
        }
    )
    try:
        body = log.text(large)
    except ValueError:
        body = log.text(compact(large))
    assert len(body) <= MAX_BODY
    assert decode(body).text_intact


@given(st.text(max_size=300))
def test_any_text_in_a_fact_survives_and_stays_on_the_first_line(text: str) -> None:
    fact = Stuck(reason=text, todo="-->")
    body = encode(fact, "words", Place("a/b", 1, 1, GENESIS), datetime(2026, 1, 1, tzinfo=UTC), signer("memory"))
    assert decode(body).fact == fact
    assert starts_like_a_block(body)
    assert body.index("-->") == body.index("\n") - 3
