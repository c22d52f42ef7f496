"""Vectors with nothing to download: what is alike, that they are always the same, and what a hostile text costs."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest

from shared.knowledge import Embedder
from shared.recall.hashing import DIMENSIONS, Hashed
from shared.recall.synonyms import CONCEPTS, concepts
from shared.recall.words import MAX_CHARACTERS, MAX_WORDS, plain, words


def alike(one: str, other: str) -> float:
    a, b = Hashed().embed([one, other])
    return sum(x * y for x, y in zip(a, b, strict=True))


def test_it_is_an_embedder_with_a_version_and_a_length_in_its_name() -> None:
    embedder: Embedder = Hashed()
    assert embedder.name == f"hashed-1-{DIMENSIONS}"
    assert Hashed(256).name != embedder.name != Hashed(synonyms=False).name


def test_every_vector_has_length_one_and_every_text_has_a_vector() -> None:
    vectors = Hashed().embed(["killed by the kernel", "", "the of and", "\u200b", "!!! 🔥", "a" * 1_000])
    assert all(len(v) == DIMENSIONS for v in vectors)
    assert all(math.isclose(math.hypot(*v), 1.0, abs_tol=1e-9) for v in vectors)
    assert Hashed().embed([]) == ()


@pytest.mark.parametrize(
    ("said", "meant", "other"),
    [
        ("OOMKilled again", "exit code 137, it reached its memory limit", "exit code 1 right at the start"),
        ("ran out of memory", "killed by the kernel", "killed by an operator"),
        ("segfault in the worker", "ended with exit code 139, SIGSEGV", "ended with exit code 137, OOMKilled"),
        ("health check timing out", "unresponsive, no answer", "answers with errors"),
        ("p99 through the roof", "requests are slow, median 2 s", "requests are refused by a rule"),
        ("connection refused by the vendor", "third party is down, outage", "third party library was updated"),
        ("could not resolve host", "DNS broken, SERVFAIL", "packet loss, retransmits"),
        ("ENOSPC", "no space left on device", "no connection available"),
        ("Zertifikat abgelaufen", "TLS certificate has expired", "session was closed"),
        ("Speicher voll", "out of memory", "disk full"),
    ],
)
def test_what_operations_call_the_same_is_nearer_than_what_only_shares_words(said: str, meant: str, other: str) -> None:
    assert alike(said, meant) > alike(said, other)


def test_a_misspelling_and_another_ending_still_find_the_word() -> None:
    assert alike("certficate of the idp", "certificate") > alike("credential of the idp", "certificate") + 0.05
    assert alike("restarting", "restarts") == pytest.approx(1.0)


def test_case_accents_and_invisible_characters_make_no_difference() -> None:
    plainly = Hashed().embed(["Oom killed quote service naive"])
    assert Hashed().embed(["OOM KILLED quote\u00adservice".replace("\u00ad", " ") + " nai\u0308ve"]) == plainly
    assert Hashed().embed(["oom ki\u200blled quo\u2060te service naïve"]) == plainly
    assert Hashed().embed(["oom killed\U000e0041\U000e0042 quote service ｎaive"]) == plainly


def test_the_vector_is_the_same_in_another_process() -> None:
    code = "from shared.recall.hashing import Hashed; print(hash(Hashed().embed(['exit code 137 in quote-service'])))"
    said = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True, text=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


@pytest.mark.parametrize(
    "text",
    [
        "x" * 1_000_000,
        "oom " * 250_000,
        "".join(f"w{n:x}g " for n in range(200_000)),
        "\u0301\u0316" * 500_000,
        "\U000e0041" * 1_000_000,
        "\ufdfa" * 300_000,
        "a\u200d" * 500_000,
        "\ud800" * 1_000,
        "aA" * 500_000,
        "1" * 1_000_000,
    ],
    ids=[
        "one word",
        "one word often",
        "all different",
        "marks",
        "tags",
        "expanding",
        "joiners",
        "surrogates",
        "humps",
        "digits",
    ],
)
def test_a_hostile_text_is_read_as_far_as_can_be_paid_for(text: str) -> None:
    assert len(plain(text)) <= MAX_CHARACTERS + 1
    assert len(words(text)) <= MAX_WORDS
    assert math.isclose(math.hypot(*Hashed().embed([text])[0]), 1.0, abs_tol=1e-9)


def test_of_a_long_text_the_end_is_read_too() -> None:
    assert "segfault" in words("start " * 100_000 + "segfault")


def test_ids_and_dates_make_no_two_incidents_alike() -> None:
    assert words("container 3f9a2c77b1 at 2026-11-21 commit 91ab3c0 took 180000 ms") == (
        "contain" "er", "at", "11", "21", "commit", "took", "ms",
    )  # fmt: skip


def test_names_written_as_humps_are_words() -> None:
    assert words("OOMKilled KeyError CrashLoopBackOff") == (
        "oom",
        "kill",
        "key",
        "error",
        "crash",
        "loop",
        "back",
        "off",
    )


def test_the_longest_phrase_at_a_place_counts() -> None:
    assert set(concepts(words("exit code 137"))) == {"oom"}
    assert set(concepts(words("exit code 139"))) == {"segfault"}
    assert set(concepts(words("exit code 1"))) == {"crash"}


def test_every_phrase_of_the_table_names_its_concept() -> None:
    assert [(c, p) for c, ps in CONCEPTS.items() for p in ps if c not in set(concepts(words(p)))] == []
