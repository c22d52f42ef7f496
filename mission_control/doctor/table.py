"""Every finding that doctor can make: how bad it is, why it matters, and the line that mends it. docs/doctor.md is this
table for people; tests hold the table, the code and the page together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Severity = Literal["bad", "note"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One finding. `fix` may have {placeholders} that the finding fills in; `area` is the page's heading."""

    area: str
    severity: Severity
    why: str
    fix: str
    mends: bool = False
    """Whether `doctor --fix` does it."""


TABLE: Final[dict[str, Entry]] = {
    # this machine
    "python": Entry("This machine", "bad", "The fleet needs Python 3.11 or newer.", "install Python 3.11 or newer"),
    "git": Entry("This machine", "bad", "Changes of the repository, proofs and deploys are made with git.",
                 "install git"),
    "disk": Entry("This machine", "bad", "The ledger of what was done is written before anything is done: without room "
                  "for it the Fixer does nothing.", "free space on {where}"),
    "state-folder": Entry("This machine", "bad", "Keys, tokens and the ledger are in it: who can write there can act "
                          "as the fleet.", "chmod 700 {where}", mends=True),
    "clock": Entry("This machine", "note", "Expiries are judged by GitHub's clock; a clock that is far off makes log "
                   "lines and durations mislead, and baselines straddle hours.", "set the clock (NTP)"),
    # the running world
    "world": Entry("The running world", "bad", "Nothing can be looked at: no world runs here and no GitHub is named.",
                   "{how}"),
    "run-json": Entry("The running world", "bad", "It holds the tokens of the running world.", "chmod 600 {where}",
                      mends=True),
    "process": Entry("The running world", "bad", "A process that ought to run does not.", "read {log}"),
    # GitHub
    "github": Entry("GitHub", "bad", "GitHub is the fleet's memory: without it nothing is done.",
                    "check GITHUB_API_URL, GITHUB_REPOSITORY and the token"),
    "token-narrow": Entry("GitHub", "bad", "The fleet writes comments, labels, branches, statuses and pull requests; "
                          "what this token may not, fails when it is needed.", "{how}"),
    "token-wide": Entry("GitHub", "note", "Whoever gets hold of this token gets all that it may.", "{how}"),
    "token-kind": Entry("GitHub", "note", "What a workflow's own GITHUB_TOKEN writes starts no workflow (only "
                        "workflow_dispatch and repository_dispatch do): no check would run on the fleet's pull "
                        "requests.", "give the fleet a fine-grained token of an account of its own, or an app's"),
    "permission": Entry("GitHub", "bad", "Labels, branches, merges and editing the status card need write access.",
                        "give {login} write access to {repo}"),
    "permission-wide": Entry("GitHub", "note", "An account that administers the repository can switch its rules off.",
                             "give {login} write access to {repo}, not more"),
    "one-account": Entry("GitHub", "bad", "The fleet's account can never approve: if yours is the same, nobody can.",
                         "give the fleet an account of its own, or set SRE_OPERATOR_TOKEN to yours"),
    "issues": Entry("GitHub", "bad", "An incident is an issue.", "switch issues on in the settings of {repo}"),
    "writable": Entry("GitHub", "bad", "An archived or disabled repository is read-only.", "unarchive {repo}"),
    "public": Entry("GitHub", "note", "Everybody can read what the fleet says about production, and may comment. Their "
                    "words count for nothing, but names and log lines are out.", "make {repo} private"),
    "merge-method": Entry("GitHub", "bad", "The fleet merges with a merge commit, which one revert takes back.",
                          "allow merge commits in the settings of {repo}"),
    "auto-merge": Entry("GitHub", "note", "GitHub's auto-merge merges when checks pass; it asks neither the policy nor "
                        "for a proof.", "switch auto-merge off in the settings of {repo}"),
    "labels": Entry("GitHub", "bad", "Labels are how people and the fleet find incidents; one that is missing or wrong "
                    "is made again for each incident, or not at all.", "doctor --fix or labels --sync: {what}",
                    mends=True),
    "branch-rules": Entry("GitHub", "note", "What is on the default branch is deployed, policy and keys are read from "
                         "it: without a rule, whoever may write may push past every review.",
                         "protect {branch}: pull requests and checks required, no force pushes"),
    "branch-reviews": Entry("GitHub", "bad", "SRE_MERGE=policy lets the fleet merge what is proved, and this rule asks "
                           "a person first: every merge of the fleet would be refused.",
                           "unset SRE_MERGE, or take the required reviews off {branch}"),
    "rate-budget": Entry("GitHub", "bad", "When the hour's requests are spent, the fleet waits for the next hour.",
                         "wait until {reset}, and look for who else uses this account"),
    "write-budget": Entry("GitHub", "note", "The fleet paces its own writes below GitHub's limits; now it is pacing.",
                          "wait: what matters for safety goes first"),
    # keys
    "keyring": Entry("Keys", "bad", "A comment is a fact only when a key of the keyring signed it.",
                     "set SRE_KEYRING to the fleet's keys.toml, or run up to make one"),
    "key-file": Entry("Keys", "bad", "A role whose key cannot be read or is open to others says nothing.",
                          "{how}", mends=True),
    "key-pair": Entry("Keys", "bad", "What this role signs with its key counts for nobody: the keyring does not "
                         "have its public half.", "put the public half of {where} into the keyring, or "
                         "take the key away"),
    "key-expired": Entry("Keys", "bad", "Facts signed from now on would not count.",
                         "make a new key for {role} and add its public half to the keyring"),
    "key-expires": Entry("Keys", "note", "Within {days} days facts of this role stop counting.",
                         "make a new key for {role} and add its public half to the keyring"),
    "key-missing": Entry("Keys", "bad", "Nobody can say what this role says: incidents stop where it is its turn.",
                         "add a key for {role} to the keyring"),
    # parts
    "kafka": Entry("Parts", "bad", "Without Kafka the fleet polls: it works, and later.",
                   "start it or unset KAFKA_BOOTSTRAP_SERVERS"),
    "topics": Entry("Parts", "bad", "Replicas of a role share partitions: fewer partitions, fewer that work.",
                    "doctor --fix makes {what}", mends=True),
    "traces": Entry("Parts", "bad", "Without traces a diagnosis is less sure, and may need a person.",
                    "start it or check JAEGER_URL"),
    "traces-api": Entry("Parts", "note", "This Jaeger has no /api/v3. The paths it has are gone after 2.20.0.",
                           "use Jaeger 2"),
    "engine": Entry("Parts", "bad", "Scout sees no container and the Fixer can restart none.",
                    "start it or check DOCKER_HOST"),
    "engine-hands": Entry("Parts", "bad", "Only the Fixer may have hands: everyone who looks through this socket could "
                         "also restart or create containers, which is root on the host.",
                         "set SRE_DOCKER_READONLY_HOST to a socket that only looks (docs/deploy.md)"),
    "managed": Entry("Parts", "bad", "The fleet looks after containers labelled sre-space.managed=true, and there "
                          "is none.", "label the containers of your services (docs/deploy.md)"),
    "prometheus": Entry("Parts", "bad", "Brain looks at no metrics without it.",
                        "start it or check PROMETHEUS_URL"),
    "knowledge": Entry("Parts", "bad", "Nothing that happened before is found.", "start Chroma or check CHROMA_URL; "
                       "then Memory fills it, or memory rebuild does"),
    "model": Entry("Parts", "bad", "A model was asked for, and its words will be missing.",
                   "check SRE_MODEL, OPENAI_BASE_URL and OPENAI_API_KEY"),
    "model-form": Entry("Parts", "bad", "Words that do not keep the form asked for are thrown away.",
                        "choose another SRE_MODEL"),
    "model-plain": Entry("Parts", "note", "This server takes no schema: the model is asked plainly, and answers in the "
                         "wrong form more often.", "use a server with structured outputs"),
    "sandbox": Entry("Parts", "bad", "Programs that nobody trusts are run to prove a pull request; without a sandbox "
                     "nothing is proved.", "install bubblewrap, or set SRE_SANDBOX_IMAGE and SRE_SANDBOX_DOCKER_HOST; "
                     "until then proofs are unverified"),
    # policy
    "policy": Entry("Policy", "bad", "Until it can be read nothing is allowed.", "mend it"),
    "policy-stranger": Entry("Policy", "note", "The policy names a service that no container has: a rule for nobody, "
                             "often a slip in a name.", "correct the name in {file}, or start the container"),
    "policy-unlisted": Entry("Policy", "note", "A managed container that the policy does not name: Scout watches it, "
                             "and nothing may be done about it.", "name it in {file} under services"),
    "policy-reviewed": Entry("Policy", "note", "The fleet obeys the file on its host; people review the one in the "
                             "repository, and Memory proposes grants there.",
                             "copy {how} of the default branch to {file} once reviewed, and start the fleet anew"),
    # mending
    "mended": Entry("Mending", "bad", "`--fix` could not do it.", "do it by hand: {how}"),
}  # fmt: skip
