"""Exact Shapley interaction values of trees, path-dependent: what two features do only together.

phi_ij is half of what knowing feature i for certain changes in the Shapley value of j, against not knowing
i at all; phi_ii is what is left of phi_i. Each feature costs two sweeps of the trees (`sweep`) in which its
own questions are answered for certain, or by the training cover.

    phi_ij = (phi_j with i known - phi_j with i unknown) / 2,   phi_ii = phi_i - sum over j != i of phi_ij
"""

from __future__ import annotations

import numpy as np

from apps.engine.columns import FloatArray, IntArray
from apps.engine.explain import sweep
from apps.engine.explain.codes import Codes
from apps.engine.explain.tree_shap import TreeShap
from apps.engine.resources import each


def interactions(shap: TreeShap, matrix: FloatArray) -> FloatArray:
    """Interaction values (n, F, F) of the margin: symmetric; each row of a matrix sums to a Shapley value.

    Raises
    ------
    ValueError
        If `shap` has a background: the values are path-dependent.

    References
    ----------
    Lundberg, Erion, Lee (2018), Consistent individualized feature attribution for tree ensembles.
    """
    if shap.background_rows:
        raise ValueError("interaction values are path-dependent; these trees have a background")
    features, codes = shap.ensemble.features, shap.coder.encode(matrix)
    whole = sweep.values(shap.plan, codes, features)
    used = np.unique(shap.nodes.feature[~shap.nodes.leaf])
    made = np.zeros((features, features, codes.shape[1]))
    for feature, change in zip(used, each(lambda f: _change(shap, codes, f), used), strict=True):
        made[feature] = change / 2.0
        made[feature, feature] = 0.0
    made = (made + made.transpose(1, 0, 2)) / 2.0
    made[np.arange(features), np.arange(features)] = whole - made.sum(1)
    return np.ascontiguousarray(made.transpose(2, 0, 1)[: len(matrix)])


def _change(shap: TreeShap, codes: Codes, feature: int) -> FloatArray:
    """What knowing a feature changes in all values: (F, n)."""
    known, unknown = (_fixed(shap, feature, known) for known in (True, False))
    count = shap.ensemble.features
    return sweep.values(known, codes, count) - sweep.values(unknown, codes, count)


def _fixed(shap: TreeShap, feature: int, known: bool) -> sweep.Plan:
    """The sweep in which a feature is known for certain, or not at all."""
    plan, nodes = shap.plan, shap.nodes
    spots, share = _spots(plan, np.flatnonzero(~nodes.leaf & (nodes.feature == feature)), nodes.tree)
    near, far, gain, loss = (part.copy() for part in (plan.near, plan.far, plan.gain, plan.loss))
    near[spots] = 1.0 if known else share
    far[spots] = 0.0 if known else share
    gain[spots] = loss[spots] = 0.0
    return plan._replace(near=near, far=far, gain=gain, loss=loss)


def _spots(plan: sweep.Plan, node: IntArray, tree: IntArray) -> tuple[IntArray, sweep.Singles]:
    """Where the constants of nodes stand, one for each point of their tree, and the nodes' own shares."""
    count = plan.points[np.searchsorted(tree, node, side="right") - 1]
    first = np.repeat(plan.node[node, sweep.AT], count)
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return first + within, np.repeat(plan.idle[node], count)
