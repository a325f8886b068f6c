"""Forests in the form of ONNX that takes least memory when it is open.

skl2onnx writes `TreeEnsembleRegressor`, whose attributes repeat six numbers and a word for each node, leaves included;
ONNX Runtime keeps them. The newer `TreeEnsemble` keeps leaves apart and its numbers in tensors: the same outputs from
a third of the file and of the memory.

Source: https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsemble.html (ai.onnx.ml, version 5).
"""

from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, helper, numpy_helper

DOMAIN, VERSION = "ai.onnx.ml", 5
OLD, NEW = "TreeEnsembleRegressor", "TreeEnsemble"
SUM, NO_TRANSFORM, LESS_OR_EQUAL = 1, 0, 0  # numbers of the specification


def compact(model: ModelProto) -> ModelProto:
    """The model with its trees rewritten in place; one with trees that the newer form cannot hold stays as it is.

    Args:
        model: trees with one target, as skl2onnx writes those of scikit-learn.
    """
    if not all(_has_newer_form(node) for node in model.graph.node if node.op_type == OLD):
        return model  # one version of the operators holds for the whole file
    nodes = [_rewritten(node) if node.op_type == OLD else node for node in model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    for opset in model.opset_import:
        if opset.domain == DOMAIN:
            opset.version = VERSION
    return model


def _has_newer_form(node: NodeProto) -> bool:
    """Whether every tree has a branch, all of them `BRANCH_LEQ`, and no constant is added to their sum."""
    old = {given.name: helper.get_attribute_value(given) for given in node.attribute}
    modes = list(zip(old["nodes_nodeids"], old["nodes_modes"], strict=True))
    has_branches = all(mode != b"LEAF" for number, mode in modes if number == 0)
    return has_branches and "base_values" not in old and {mode for _, mode in modes} <= {b"LEAF", b"BRANCH_LEQ"}


def _rewritten(node: NodeProto) -> NodeProto:
    old: dict[str, Any] = {given.name: helper.get_attribute_value(given) for given in node.attribute}
    tree, number = np.array(old["nodes_treeids"]), np.array(old["nodes_nodeids"])
    is_leaf = np.array(old["nodes_modes"]) == b"LEAF"
    # Position among the nodes of its kind, branches or leaves, for each node in the old order.
    position = np.where(is_leaf, np.cumsum(is_leaf) - 1, np.cumsum(~is_leaf) - 1)
    place = {pair: index for index, pair in enumerate(zip(tree.tolist(), number.tolist(), strict=True))}
    branches = np.flatnonzero(~is_leaf)

    def children(name: str) -> tuple[list[int], list[int]]:
        found = [place[int(tree[index]), old[name][index]] for index in branches]
        return position[found].tolist(), is_leaf[found].astype(int).tolist()

    weights = dict(
        zip(zip(old["target_treeids"], old["target_nodeids"], strict=True), old["target_weights"], strict=True)
    )
    leaves = [weights[int(tree[index]), int(number[index])] for index in np.flatnonzero(is_leaf)]
    roots = [int(position[place[one, 0]]) for one in sorted(set(tree.tolist()))]
    (true, true_is_leaf), (false, false_is_leaf) = children("nodes_truenodeids"), children("nodes_falsenodeids")
    return helper.make_node(
        NEW,
        node.input,
        node.output,
        domain=DOMAIN,
        n_targets=1,
        aggregate_function=SUM,
        post_transform=NO_TRANSFORM,
        tree_roots=roots,
        nodes_featureids=np.array(old["nodes_featureids"])[branches].tolist(),
        nodes_splits=numpy_helper.from_array(np.array(old["nodes_values"], dtype=np.float32)[branches]),
        nodes_modes=numpy_helper.from_array(np.full(branches.size, LESS_OR_EQUAL, dtype=np.uint8)),
        nodes_truenodeids=true,
        nodes_trueleafs=true_is_leaf,
        nodes_falsenodeids=false,
        nodes_falseleafs=false_is_leaf,
        leaf_targetids=[0] * len(leaves),
        leaf_weights=numpy_helper.from_array(np.array(leaves, dtype=np.float32)),
    )
