"""Where errors begin: spans marked as failed with nothing failed beneath them, against the baseline's rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shared.analysis.rca.counts import CEILING, exceedance
from shared.analysis.rca.table import Floats, Ints, Table
from shared.analysis.rca.tree import Tree


@dataclass(frozen=True, slots=True)
class Errors:
    """Per service: the strongest rise of its error origins (-log10 p), and its share of all origins beyond usual."""

    weight: Floats
    share: Floats
    origins: Ints
    """Rows of the incident's origins."""
    blamed: Ints
    """Per origin the service it is held against. For a call that failed, though its callee did not say so, that is the
    callee: it was not there, or not there in time."""


def errors(table: Table, tree: Tree, callee_of: Ints) -> Errors:
    """Compare the two windows. `callee_of`: per operation the service it calls, -1 for none."""
    services = len(table.services)
    weight, share = np.zeros(services), np.zeros(services)
    failed = np.flatnonzero(table.error)
    echoes = np.zeros(len(table), bool)
    above = table.parent[failed]
    echoes[above[above >= 0]] = True
    origins = failed[~echoes[failed]]
    known = callee_of[table.op[origins]]
    alone = tree.children[origins] == 0
    reached = tree.callee[origins]
    blamed = np.where((known >= 0) & alone, known, table.service[origins])
    blamed = np.where(reached >= 0, table.service[reached], blamed)
    during = table.incident[origins]
    ops = len(table.operations)
    pair = blamed * ops + table.op[origins]
    code, at = np.unique(pair, return_inverse=True)
    k = np.bincount(at[during], minlength=len(code))
    k0 = np.bincount(at[~during], minlength=len(code))
    n = np.bincount(table.op[table.incident], minlength=ops)
    n0 = np.bincount(table.op[~table.incident], minlength=ops)
    beyond = np.zeros(services)
    for c in range(len(code)):
        service, op = divmod(int(code[c]), ops)
        usual = k0[c] / n0[op] if n0[op] else 0.0
        w = min(exceedance(int(k[c]), int(n[op]), int(k0[c]), max(int(n0[op]), 1)), CEILING)
        weight[service] = max(weight[service], w)
        beyond[service] += max(0.0, float(k[c]) - usual * float(n[op]))
    if beyond.sum() > 0:
        share = beyond / (beyond.sum() + 1.0)
    return Errors(weight, share, origins[during], blamed[during])
