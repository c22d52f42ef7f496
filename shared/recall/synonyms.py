"""What operations people call the same thing: one concept, many phrases. Data, with one reader.

General knowledge of the trade, not of any service: a concept names a kind of trouble or a part of the machinery.
Phrases are compared as stemmed words (`words`). German stands beside English because teams mix them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from shared.recall.words import words

_TABLE: Final = """
oom: oom, oomkilled, oom killer, out of memory, outofmemory, exit 137, exit code 137, exited 137, exited with 137,
    code 137, status 137, 137, memory limit, limit of memory, killed by the kernel, kernel killed, memory cgroup,
    cgroup limit, heap space, java heap, heap exhausted, heap out of memory, out of ram, memory exhausted, memory
    exceeded, exceeded memory, memory error, mem limit, memory pressure, gc overhead limit, cannot allocate memory,
    enomem, speicher voll, speicherlimit
memory: memory, mem, ram, heap, rss, working set, leak, memory leak, cgroup, garbage collection, gc, oom, oomkilled,
    oom killer, out of memory, heap space, java heap, speicher, arbeitsspeicher, speicherleck
segfault: segfault, segmentation fault, segmentation violation, sigsegv, signal 11, exit 139, exit code 139, core
    dumped, core dump, bus error, sigbus, sigabrt, signal 6, exit code 134, access violation, speicherzugriffsfehler
crash: crash, crashed, crashing, crashloop, crash loop, crash looping, crash loop back off, exit code 1, exit 1,
    exited with 1, non zero exit, nonzero exit, terminated, dies, died, dying, abort, aborted, panic, keeps
    restarting, restart loop, back off restarting, fails to start, does not start, cannot start, will not start,
    segfault, sigsegv, absturz, abgesturzt, sturzt ab
hang: hang, hung, unresponsive, frozen, freeze, stuck, blocked, stalled, health check, healthcheck, healthz,
    liveness, liveness probe, readiness probe, probe failed, unanswered, times out, timing out, timed out, timeout,
    deadline exceeded, event loop, no answer, does not answer, no reply, not responding, does not respond, no
    response, deadlock, livelock, starvation, hangt, reagiert nicht, antwortet nicht, blockiert
deadlock: deadlock, deadlocked, waiting for each other, waiting on each other, block each other, lock order, lock
    ordering, circular wait, thread dump, mutex, verklemmung
lock: row lock, table lock, exclusive lock, database lock, lock, lock wait, lock contention, open transaction, idle
    in transaction, long running transaction, sperre, gesperrt
slow: slow, slower, slowness, slowdown, sluggish, latency, p50, p90, p95, p99, takes forever, takes ages, takes
    long, takes too long, late, lag, delay, response time, median, ttfb, degraded, performance, langsam,
    verzogerung, dauert
error: error, 5xx, 500, 502, 503, 504, internal server error, exception, traceback, throws, failed, fails, failing,
    failure, broken, error rate, error budget, bad gateway, status 500, fehler, kaputt
exception: attribute error, type error, key error, value error, index error, name error, none type, has no
    attribute, traceback, stack trace, stacktrace, unhandled exception, uncaught exception, null pointer, null
    pointer exception, undefined is not, nil pointer
null: null, none, none type, nil, undefined, missing value, null pointer, nil pointer
refused by rule: declined, rejected, refused, denied, turned away, business rule, threshold, too strict, not
    eligible, eligibility, validation, abgelehnt, ablehnung, grenzwert, schwellwert
conversion: conversion, conversion rate, purchase, buy, bought, sale, revenue, abandoned, drop in orders, umsatz,
    verkauf, abschluss
dependency: dependency, upstream, downstream, third party, 3rd party, external, provider, vendor, supplier, status
    page, statuspage, hoster, extern, drittanbieter, anbieter
unreachable: connection refused, econnrefused, connection reset, econnreset, unreachable, not reachable, cannot
    reach, could not reach, cannot connect, could not connect, unable to connect, failed to connect, outage,
    offline, down, max retries exceeded, service unavailable, unavailable, not available, no route to host, circuit
    breaker, errno 111, nicht erreichbar, ausfall, maintenance
network: network, packet loss, packet, dropped packets, retransmission, retransmit, tcp, nic, network interface,
    cable, switch, mtu, link down, jitter, round trip, rtt, ping, firewall, partitioned, netzwerk, paketverlust
dns: dns, name resolution, resolve host, could not resolve, does not resolve, cannot resolve, nxdomain, servfail,
    coredns, getaddrinfo, unknown host, no such host, resolver, namensauflosung
saturation: saturation, saturated, overload, overloaded, pool exhausted, exhausted, connection pool, pool timeout,
    no connection available, free connection, too many connections, remaining connection slots, too many clients,
    traffic spike, spike, load, queue, queued, backpressure, capacity, scale out, scale up, replica, thread pool,
    uberlastet, uberlast
rate limit: rate limit, rate limited, ratelimit, 429, too many requests, throttled, throttling, throttle, quota
cpu: cpu, processor, core, pegged, maxed out, busy loop, infinite loop, spinning, utilisation, utilization,
    profiler, py spy, flame graph, cpu bound, prozessor
regex: regex, regexp, regular expression, backtracking, catastrophic, redos, pattern match
disk: disk full, disk, enospc, no space left on device, no space left, errno 28, volume, storage full, file system
    full, filesystem full, inode, out of space, disk usage, disk pressure, festplatte, platte voll
config: config, configuration, setting, environment variable, env var, environment, env, parameter, os environ,
    misconfigured, misconfiguration, yaml, typo, konfiguration, einstellung, umgebungsvariable
flag: feature flag, flag, toggle, feature toggle, switched on, enabled
deploy: deploy, deployment, redeploy, release, rollout, rolled out, went live, new version, shipped, merge, commit,
    rollback, roll back, revert, upgrade, migration, canary, previous version, regression, ausgerollt, einspielen
certificate: certificate, cert, x509, tls, ssl, certificate verify failed, certificate expired, certificate has
    expired, expired, tls handshake, ssl handshake, intermediate certificate, ca bundle, zertifikat, abgelaufen
login: login, log in, logging in, logged in, sign in, signing in, signin, sso, single sign on, identity provider,
    idp, authentication, auth, authenticate, oauth, oidc, unauthorized, 401, anmeldung, anmelden, einloggen
token: token, jwt, bearer, claim
session: session, logged out, log out, logout, signed out, cookie, abgemeldet
password: password, bcrypt, argon2, password hash, hashing, passwort
clock: clock, ntp, chrony, chronyd, clock skew, time skew, drift, time drift, not yet valid, issued in the future,
    uhrzeit
database: database, db, postgres, postgresql, mysql, sql, pg, table, query, transaction, standby, datenbank
log files: wal, pg wal, write ahead log, binlog, transaction log, replication slot, replication
index: index, missing index, sequential scan, seq scan, full table scan, table scan, explain analyze
n+1: n 1 query, n 1, one query per, query per row, too many queries, query in a loop
cache: cache, redis, memcached, lru, ttl, cdn, zwischenspeicher
evict: evict, eviction, evicted, maxmemory, allkeys lru, lru
cold: cold cache, cold start, cold, warm up, warming up, warmed up, prewarmed, empty cache, cache miss
stream: kafka, topic, consumer, consumer group, offset, message, record, broker, rabbitmq, dead letter, nachricht
poison: poison pill, poison message, poison, same message, bad message, malformed, cannot decode, decode error,
    unicode decode error, deserialize, deserialization, corrupt, invalid byte
backlog: backlog, pile up, piling up, consumer lag, queue growing, lag growing, ruckstau
missing file: 404, not found, missing file, static file, asset, bundle, javascript, js, chunk load error, nicht
    gefunden
blank: white page, white screen, blank page, blank screen, blank, empty page, white screen of death, weisse seite
template: template, rendering, render, jinja
early return: empty list, empty array, empty response, empty result, returns nothing, no results, early return,
    returns early, returns before
mail: mail, email, smtp, mail relay, mailer
backup: backup, dump, restore, object storage, s3, bucket, snapshot, sicherung
scheduled job: cron, cron job, crontab, scheduled job, scheduler, nightly
"""
"""A concept a line, its phrases after the colon; an indented line goes on with the one before."""


def _read(table: str) -> dict[str, tuple[str, ...]]:
    rows = table.replace("\n    ", " ").strip().splitlines()
    parted = (row.partition(":") for row in rows)
    return {name: tuple(phrase.strip() for phrase in phrases.split(",")) for name, _, phrases in parted}


CONCEPTS: Final[Mapping[str, tuple[str, ...]]] = _read(_TABLE)
BROAD: Final[frozenset[str]] = frozenset(
    ("error", "slow", "crash", "hang", "deploy", "config", "database", "null", "memory", "saturation", "unreachable")
)
"""Concepts that half of all incidents speak of: they tell less."""


def concepts(stems: Sequence[str]) -> Iterator[str]:
    """The concepts that `stems` (of `words`) name, as often as they do; the longest phrase at a place counts."""
    at = 0
    while at < len(stems):
        step = 1
        for phrase, meant in _PHRASES.get(stems[at], ()):
            if tuple(stems[at : at + len(phrase)]) == phrase:
                yield from meant
                step = len(phrase)
                break
        at += step


def _phrases() -> dict[str, tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]]:
    """By first word: phrases, longest first, with the concepts each belongs to."""
    meant: dict[tuple[str, ...], list[str]] = {}
    for concept, phrases in CONCEPTS.items():
        for phrase in phrases:
            named = meant.setdefault(words(phrase), [])
            if concept not in named:
                named.append(concept)
    by_first: dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]] = {}
    for phrase_words, of in sorted(meant.items(), key=lambda item: (-len(item[0]), item[0])):
        by_first.setdefault(phrase_words[0], []).append((phrase_words, tuple(of)))
    return {first: tuple(rows) for first, rows in by_first.items()}


_PHRASES: Final = _phrases()
