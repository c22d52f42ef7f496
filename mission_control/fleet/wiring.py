"""Which agent gets which ports: the one place where agents, their hands and the adapters meet."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Final

from mission_control.fleet.absent import NoTraces
from mission_control.fleet.kit import Built, Kit, Running
from mission_control.settings import BadSettings
from shared import stream
from shared.adapters.github.source import GitHubSource
from shared.incident.record import Role
from shared.knowledge import Knowledge
from shared.ports import Engine, Metrics, Traces
from shared.proof import Trees
from shared.runtime.patrol import PatrolRound

if TYPE_CHECKING:
    from agents.memory.librarian import Librarian
    from agents.memory.rounds import Rounds
    from agents.scout.bulletin import Bulletin
    from agents.scout.carrier import Carrier
    from agents.scout.learner import Learner
    from shared.adapters.chroma.library import ChromaLibrary


def _nothing_more(_: Running) -> None:
    """Most agents need no more than the loop."""


def _scout(kit: Kit, stack: ExitStack) -> Built:
    from agents.scout.agent import Scout
    from agents.scout.bulletin import Bulletin
    from agents.scout.carrier import Carrier
    from agents.scout.inbox import Inbox
    from agents.scout.learner import Learner
    from agents.scout.levels import Levels
    from agents.scout.look import Patrol
    from agents.scout.rebuild import Rebuild
    from agents.scout.verify import Patience
    from agents.scout.watch import Watch
    from mission_control.fleet.alerts import take_alerts
    from mission_control.fleet.measures import measure_watched
    from shared.adapters.probe import HttpProbe

    settings = kit.settings
    late: list[Running] = []

    def nudge() -> None:
        for running in late:
            running.worker.agenda.poke()

    traces, levels = _traces(kit), Levels()
    learner = Learner(levels, recalling=True) if settings.kafka else None  # else there would be nobody to tell
    inbox = Inbox(kit.redactor.text, kit.clock.now)
    patrol = Patrol(
        _looking(kit, stack),
        traces,
        HttpProbe(),
        kit.clock,
        nudge=nudge,
        alerts=inbox.collect,
        control_url=kit.health.url,
    )
    take_alerts(kit, inbox, patrol, nudge)
    measure_watched(kit.health.meter, inbox, patrol)
    bulletin = Bulletin(kit.publisher) if settings.kafka else None
    watch = Watch(patrol, learner=learner, bulletin=bulletin)
    agent = Scout(watch, kit.github.reads.now, Patience(healthy_for=settings.healthy_for))

    def finish(running: Running) -> None:
        late.append(running)
        go_round = PatrolRound(watch.step, running.desk, running.scribe, kit.archive, settings.recurrence_window)
        running.worker.patrol = go_round
        if running.kafka is not None:
            subscription = running.kafka.subscribe((stream.BUSINESS,), None, lambda _, event: patrol.on_business(event))
            running.worker.checks.append(subscription.check)
        if running.kafka is not None and learner is not None:
            learner.informed = lambda: go_round.informed
            told = _telling(go_round, learner, Carrier(levels, running.kafka), kit)
            running.worker.patrol = told if bulletin is None else _showing(told, bulletin)
            rebuild = Rebuild(traces, kit.clock, learner)
            rebuild.start()
            stack.callback(rebuild.stop)
        patrol.start()
        stack.callback(patrol.stop)

    return agent, None, finish


def _telling(go_round: PatrolRound, learner: Learner, carrier: Carrier, kit: Kit) -> Callable[[], None]:
    """A round of the patrol that ends with telling what is usual."""

    def go() -> None:
        go_round()
        if not learner.recalling:
            carrier.step(kit.clock.now())

    return go


def _showing(go_round: Callable[[], None], bulletin: Bulletin) -> Callable[[], None]:
    """A round of the patrol that ends with telling people how the services are."""

    def go() -> None:
        go_round()
        bulletin.step()

    return go


def _brain(kit: Kit, stack: ExitStack) -> Built:
    from agents.brain.advice import unsound
    from agents.brain.heard import HeardUsual
    from agents.brain.look import Brain
    from mission_control.fleet.adviser import adviser
    from shared.adapters.case_files import FOLDER, CaseFiles

    reads, heard = kit.github.reads, HeardUsual(kit.clock.now)
    window, most = kit.settings.recurrence_window, kit.policy.escalate_after
    late: list[Running] = []

    def replied(number: int) -> None:
        for running in late:
            running.worker.agenda.wake(number)

    model = adviser(kit.settings, kit.clock, stack, unsound, replied)
    look = _looking(kit, stack), _traces(kit), reads, reads, kit.archive
    source, cases = GitHubSource(kit.github.wire), CaseFiles(kit.settings.state_dir / FOLDER)
    agent = Brain(
        *look, window, most, kit.redactor, heard, model, _metrics(kit), source, kit.policy.lists,
        knowledge=_knowledge(kit, stack), cases=cases,
    )  # fmt: skip

    def finish(running: Running) -> None:
        late.append(running)
        if running.kafka is not None:
            subscription = running.kafka.subscribe((stream.BASELINES,), None, lambda _, event: heard.on_event(event))
            running.worker.checks.append(subscription.check)

    return agent, None, finish


def _guardrail(kit: Kit, stack: ExitStack) -> Built:
    from agents.guardrail.look import Guardrail
    from mission_control.herald.world import BoardTicks
    from shared.runtime.horizon import Horizon

    reads = kit.github.reads
    horizon = Horizon(kit.archive, kit.policy.trust.horizon, kit.clock)
    stack.callback(horizon.close)
    horizon.refresh()
    source = GitHubSource(kit.github.wire)
    ticks = BoardTicks(kit.github, kit.keyring.accounts) if kit.settings.board_issue else None
    agent = Guardrail(_looking(kit, stack), reads, reads, kit.archive, kit.policy, source, horizon, ticks)
    return agent, None, _nothing_more


def _fixer(kit: Kit, stack: ExitStack) -> Built:
    from agents.fixer.actuators.container import ContainerRestart
    from agents.fixer.actuators.gitops import PullRequests
    from agents.fixer.actuators.ledger import Ledger
    from agents.fixer.hands import Hands
    from agents.fixer.look import Fixer
    from mission_control.fleet.sandbox import ChosenWhenNeeded, choose
    from shared.adapters.compose import ComposeConfig
    from shared.adapters.docker import DockerHands
    from shared.adapters.github.pulls import GitHubPulls
    from shared.runtime.horizon import Horizon
    from shared.runtime.red_green import RedGreen

    if kit.settings.docker_host is None:
        raise BadSettings(("DOCKER_HOST must be set: the Fixer has nothing to act on",))
    docker = DockerHands(kit.settings.docker_host)
    stack.callback(docker.close)
    ledger = Ledger(kit.settings.state_dir / "ledger", kit.clock, time.sleep)
    source = GitHubSource(kit.github.wire)
    pulls = GitHubPulls(kit.github.wire, source, kit.github.budget)
    compose = ComposeConfig()
    prover = RedGreen(ChosenWhenNeeded(partial(choose, kit.settings)), _trees(kit), compose=compose)
    hands = Hands(
        restarts=ContainerRestart(docker, ledger, kit.clock, frozenset(kit.policy.services)),
        changes=PullRequests(source, pulls, prover, kit.policy, kit.github.reads.now, compose=compose),
    )
    horizon = Horizon(kit.archive, kit.policy.limits.silence_at_most, kit.clock)
    stack.callback(horizon.close)
    horizon.refresh()
    agent = Fixer(docker, kit.github.reads, ledger.recent, kit.policy, source, kit.keyring.accounts, horizon)
    return agent, hands, _closed_ones_too


def _closed_ones_too(running: Running) -> None:
    """A pull request may be left open by what has ended."""
    running.worker.finished = lambda _: False


def _memory(kit: Kit, stack: ExitStack) -> Built:
    from agents.memory.look import Memory
    from agents.memory.similar import Similar
    from mission_control.fleet.knowledge import library_of

    library = library_of(kit.settings, kit.github.wire.address.repo)
    librarian, clerk = _librarian(kit, stack, library), _clerk(kit)
    recent = partial(kit.archive.recent, kit.policy.trust.horizon)
    asking = kit.github.reads, Similar(library, kit.archive, recent, kit.redactor.text)
    beside = [clerk, *([librarian.rounds] if librarian is not None else [])]

    def ended() -> None:
        for rounds in beside:
            rounds.wake()

    def finish(running: Running) -> None:
        if librarian is not None:
            state = running.worker.state
            kit.health.state = lambda: (state()[0], {**state()[1], "knowledge": librarian.state()})
        for rounds in beside:
            running.worker.checks.append(rounds.check)
            rounds.start()
            stack.callback(rounds.stop)

    return Memory(kit.github.reads, kit.archive, kit.settings.recurrence_window, ended, asking), None, finish


def _clerk(kit: Kit) -> Rounds:
    """Who opens the pull requests of post-mortems, runbooks and grants, where the policy wants any."""
    from agents.memory.clerk import Clerk
    from agents.memory.rounds import Rounds
    from shared.adapters.github.pulls import GitHubPulls

    source = GitHubSource(kit.github.wire)
    pulls = GitHubPulls(kit.github.wire, source, kit.github.budget)
    past = partial(kit.archive.recent, kit.policy.trust.horizon)
    clerk = Clerk(past, source, pulls, kit.policy, kit.github.reads.now)
    return Rounds("clerk", clerk.step, kit.settings.resync_every)


def _librarian(kit: Kit, stack: ExitStack, library: ChromaLibrary | None) -> Librarian | None:
    """Who keeps the index; None where there is no Chroma."""
    from agents.memory.librarian import Librarian, World
    from agents.memory.shelf import Shelf
    from mission_control.fleet.measures import measure_index
    from shared.incident.labels import LEARNED

    if library is None:
        return None
    stack.callback(library.close)
    writer, source = kit.github.writes, GitHubSource(kit.github.wire)

    def label(number: int, present: bool) -> None:
        change = writer.add_label if present else writer.remove_label
        kit.queue.submit("cosmetic", f"indexed-{number}", lambda: change(number, LEARNED))

    clean = kit.redactor.text
    shelf = Shelf(source, clean, frozenset(kit.policy.services), kit.policy.memory.leave_out)
    world = World(kit.archive, shelf, kit.settings.memory_horizon, clean)
    librarian = Librarian(library, world, label, kit.settings.resync_every)
    measure_index(kit.health.meter, librarian, library)
    return librarian


def _knowledge(kit: Kit, stack: ExitStack) -> Knowledge | None:
    """What Brain asks; None where there is no Chroma. Loads it now, in the background: a diagnosis does not wait."""
    from mission_control.fleet.knowledge import library_of

    library = library_of(kit.settings, kit.github.wire.address.repo)
    if library is not None:
        stack.callback(library.close)
        library.warm()
    return library


def _escalation(kit: Kit, stack: ExitStack) -> Built:
    from agents.escalation.hand import Tier3
    from agents.escalation.look import Escalation
    from mission_control.fleet.sandbox import ChosenWhenNeeded, choose
    from mission_control.fleet.tier3 import backends, closing
    from shared.adapters.github.pulls import GitHubPulls
    from shared.runtime.red_green import RedGreen

    source, trees = GitHubSource(kit.github.wire), _trees(kit)
    sandbox = ChosenWhenNeeded(partial(choose, kit.settings))
    made = backends(kit, sandbox, trees, source)
    closing(stack, made)
    pulls = GitHubPulls(kit.github.wire, source, kit.github.budget)
    hand = Tier3(made, source, pulls, RedGreen(sandbox, trees), kit.redactor)
    agent = Escalation(kit.github.reads, kit.github.reads, kit.keyring.accounts, made, source)
    return agent, hand, _nothing_more


BUILD: Final[dict[Role, Callable[[Kit, ExitStack], Built]]] = {
    "scout": _scout,
    "brain": _brain,
    "guardrail": _guardrail,
    "fixer": _fixer,
    "memory": _memory,
    "escalation": _escalation,
}


def _looking(kit: Kit, stack: ExitStack) -> Engine:
    from shared.adapters.docker import ReadOnlyDocker

    address = kit.settings.engine_to_look_at
    if address is None:
        raise BadSettings(("DOCKER_HOST or SRE_DOCKER_READONLY_HOST must be set",))
    docker = ReadOnlyDocker(address)
    stack.callback(docker.close)
    return docker


def _metrics(kit: Kit) -> Metrics | None:
    if kit.settings.prometheus_url is None:
        return None
    from shared.adapters.prometheus import PrometheusMetrics

    return PrometheusMetrics(kit.settings.prometheus_url)


def _trees(kit: Kit) -> Trees:
    """The repository's commits as files."""
    from mission_control.github import pages
    from shared.adapters.git import GitTrees

    address = kit.github.wire.address
    return GitTrees(kit.settings.state_dir / "trees", f"{pages(address.api_url)}/{address.repo}.git", address.token)


def _traces(kit: Kit) -> Traces:
    from shared.adapters.jaeger import JaegerTraces

    return JaegerTraces(kit.settings.jaeger_url) if kit.settings.jaeger_url else NoTraces()
