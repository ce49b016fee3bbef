"""Voices that are broken in many ways, drawn by chance: their bytes, their graphs, their configurations."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tests.vits import TINY, build_model, voice_config

NASTY_NAMES = (
    *(
        "a\nb",
        "a\rb\x1b[2J\x1b[31mred",
        "\u202egnp.exe",
        "\u2066x\u2069",
        "zero\u200bwidth",
        "bell\x07",
        "字" * 70,
        "é" * 100,
    ),
    *("-rf", "%s{0}", "'; DROP TABLE jobs; --", "$(touch pwned)", "a b", "..x", "😀", "\x7f", "\x9b31m"),
)
_PLAIN: tuple[Any, ...] = (
    *(None, True, -1, 0, 2, 1.5, 1e308, math.nan, math.inf, 2**70),
    *("x", "", [], {}, [[]], [-1], [2**40], [0.5]),
)
_HUGE = (2**31 - 1, 2**31, 2**40, 2**62, 2**63 - 1)


@dataclass(frozen=True)
class Mutant:
    """The two files of a voice, and what was done to them."""

    kind: str
    model: bytes
    config: bytes


def mutate(kind: str, dice: Random, number: int) -> Mutant:
    """A voice that differs from every other one, broken in that way."""
    model, config = build_model(TINY), voice_config(TINY)
    model.producer_version = str(number)
    if kind in GRAPHS:
        GRAPHS[kind](dice, model)
    content = model.SerializeToString()
    if kind in BYTES:
        content = BYTES[kind](dice, content)
    if kind in CONFIGS:
        CONFIGS[kind](dice, config)
    text = json.dumps(config).encode()
    if kind in TEXTS:
        text = TEXTS[kind](dice, text)
    return Mutant(kind, content, text)


def _flip(dice: Random, content: bytes, most: int, within: int) -> bytes:
    changed = bytearray(content)
    for _ in range(dice.randint(1, most)):
        changed[dice.randrange(min(within, len(changed)))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _zero(dice: Random, content: bytes) -> bytes:
    begin = dice.randrange(len(content))
    end = min(len(content), begin + dice.choice((16, 4096, 100_000)))
    return content[:begin] + bytes(end - begin) + content[end:]


def _splice(dice: Random, content: bytes) -> bytes:
    """A piece of it again, elsewhere."""
    begin, place = dice.randrange(len(content)), dice.randrange(len(content))
    return content[:place] + content[begin : begin + dice.randint(1, 5000)] + content[place:]


_Bytes = Callable[[Random, bytes], bytes]

BYTES: dict[str, _Bytes] = {
    "a few bits of the model": lambda dice, content: _flip(dice, content, 8, len(content)),
    "many bits of the model": lambda dice, content: _flip(dice, content, 5000, len(content)),
    "bits of the model's first nodes": lambda dice, content: _flip(dice, content, 20, 20_000),
    "a model cut short": lambda dice, content: content[: int(len(content) * dice.random() ** 2)],
    "zeros in the model": _zero,
    "a piece of the model twice": _splice,
    "noise instead of a model": lambda dice, content: dice.randbytes(dice.choice((1, 100, 10_000))),
}

TEXTS: dict[str, _Bytes] = {
    "a few bits of the configuration": lambda dice, text: _flip(dice, text, 4, len(text)),
    "a configuration cut short": lambda dice, text: text[: dice.randrange(len(text))],
    "a deep configuration": lambda dice, text: text[:-1] + b',"deep":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "no configuration": lambda dice, text: dice.choice(
        (b"", b"null", b"[]", b'"x"', b"7", b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}")
    ),
    "a number of many digits": lambda dice, text: text.replace(b"22050", b"9" * dice.choice((400, 5000))),
    "a half of a character": lambda dice, text: text.replace(b"en_US", b"\\ud800").replace(b'"en-us"', b'"\\udfff"'),
}


def _weight(dice: Random, model: onnx.ModelProto) -> onnx.TensorProto:
    floats = [tensor for tensor in model.graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT]
    return dice.choice(floats)


def _constant(dice: Random, model: onnx.ModelProto) -> onnx.TensorProto:
    """A size, an axis, a limit of a slice."""
    return dice.choice([tensor for tensor in model.graph.initializer if tensor.data_type == onnx.TensorProto.INT64])


def _set_dims(dice: Random, model: onnx.ModelProto, choices: tuple[int, ...]) -> None:
    tensor = dice.choice(model.graph.initializer)
    tensor.dims[:] = [dice.choice((*choices, entry)) for entry in tensor.dims or [1]]
    if dice.random() < 0.3:
        tensor.ClearField("raw_data")


def _set_values(dice: Random, model: onnx.ModelProto, change: Callable[[Any], Any]) -> None:
    for _ in range(dice.choice((1, 5, 400))):
        tensor = _weight(dice, model)
        with np.errstate(all="ignore"):
            values = change(numpy_helper.to_array(tensor).copy()).astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def _set_constant(dice: Random, model: onnx.ModelProto) -> None:
    tensor = _constant(dice, model)
    values = numpy_helper.to_array(tensor).copy()
    values.flat[dice.randrange(max(1, values.size))] = dice.choice((*_HUGE, -1, 0, 1, 7, -(2**63)))
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def _retype(dice: Random, model: onnx.ModelProto) -> None:
    dice.choice(model.graph.initializer).data_type = dice.choice((0, 2, 6, 7, 8, 10, 11, 16, 22, 99))


def _to_strings(dice: Random, model: onnx.ModelProto) -> None:
    tensor = dice.choice(model.graph.initializer)
    count = min(1000, math.prod(tensor.dims))
    tensor.CopyFrom(helper.make_tensor(tensor.name, onnx.TensorProto.STRING, [count], [b"\x1b[2J"] * count))


def _forget_weight(dice: Random, model: onnx.ModelProto) -> None:
    del model.graph.initializer[dice.randrange(len(model.graph.initializer))]


def _forget_nodes(dice: Random, model: onnx.ModelProto) -> None:
    begin = dice.randrange(len(model.graph.node))
    del model.graph.node[begin : begin + dice.choice((1, 1, 20, 1000))]


def _shuffle(dice: Random, model: onnx.ModelProto) -> None:
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in model.graph.node]
    dice.shuffle(nodes)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _circle(dice: Random, model: onnx.ModelProto) -> None:
    """A node reads what is computed from its own output; often one on the decoder's way."""
    nodes = [node for node in model.graph.node if node.input]
    upsamplers = [place for place, node in enumerate(nodes) if node.op_type == "ConvTranspose"]
    begin = dice.choice((dice.randrange(len(nodes)), upsamplers[0] - dice.randrange(3)))
    later = nodes[min(len(nodes) - 1, begin + dice.choice((0, 0, 1, 5, 500)))]
    nodes[begin].input[dice.choice((0, dice.randrange(len(nodes[begin].input))))] = later.output[0]


def _rewire(dice: Random, model: onnx.ModelProto) -> None:
    tensors = [name for node in model.graph.node for name in (*node.input, *node.output)]
    for _ in range(dice.choice((1, 5))):
        node = dice.choice([node for node in model.graph.node if node.input])
        node.input[dice.randrange(len(node.input))] = dice.choice((*tensors, "", "nowhere"))


def _no_inputs(dice: Random, model: onnx.ModelProto) -> None:
    for _ in range(dice.choice((1, 5))):
        node = dice.choice(model.graph.node)
        del node.input[dice.randint(0, len(node.input)) :]
        if dice.random() < 0.3:
            del node.output[:]


def _operator(dice: Random, model: onnx.ModelProto) -> None:
    node = dice.choice(model.graph.node)
    node.op_type = dice.choice(
        ("Nonsense", "", "Loop", "If", "Ceil", "ConvTranspose", "Conv", "MatMul", "\x1b[31m", "Shape", "Range")
    )
    node.domain = dice.choice(("", "", "com.microsoft", "evil", "ai.onnx.ml"))


def _opset(dice: Random, model: onnx.ModelProto) -> None:
    model.opset_import[0].version = dice.choice((-1, 0, 1, 9, 13, 18, 21, 25, 999, *_HUGE))
    model.ir_version = dice.choice((8, 8, 0, 1, 3, 12, 99))


def _attribute(dice: Random, model: onnx.ModelProto) -> None:
    attributes = [attribute for node in model.graph.node for attribute in node.attribute]
    for _ in range(dice.choice((1, 3))):
        attribute = dice.choice(attributes)
        value = dice.choice((*_HUGE, -1, 0, 99, -(2**63)))
        if attribute.ints:
            attribute.ints[dice.randrange(len(attribute.ints))] = value
        else:
            attribute.i = value
            attribute.type = dice.choice((attribute.type, *range(12)))


def _graph_in_graph(dice: Random, model: onnx.ModelProto) -> None:
    inner = helper.make_graph([], "inner", [], [])
    for _ in range(dice.choice((3, 15, 28))):
        node = helper.make_node("If", ["scales"], ["x"], then_branch=inner, else_branch=onnx.GraphProto())
        inner = helper.make_graph([node], "inner", [], [])
    model.graph.node.append(inner.node[0])


def _elsewhere(dice: Random, model: onnx.ModelProto) -> None:
    tensor = dice.choice(model.graph.initializer)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    location = dice.choice(("/etc/passwd", "../../x", "weights.bin", "a\0b", "x" * 5000, "/dev/zero", "tiny.onnx"))
    tensor.external_data.add(key="location", value=location)
    tensor.external_data.add(key="length", value=dice.choice(("4", "-1", str(2**60), "x")))


def _interface(dice: Random, model: onnx.ModelProto) -> None:
    entries = dice.choice((model.graph.input, model.graph.output))
    way = dice.randrange(5)
    if way == 0:
        del entries[dice.randrange(len(entries))]
    elif way == 1:
        entries.add(name=dice.choice(NASTY_NAMES))
    elif way == 2:
        entries[0].type.tensor_type.elem_type = dice.choice((0, 8, 11, 99))
    elif way == 3:
        del entries[0].type.tensor_type.shape.dim[:]
    else:
        entries[-1].type.tensor_type.shape.dim.add(dim_value=dice.choice((*_HUGE, -5)))


def _names(dice: Random, model: onnx.ModelProto) -> None:
    """Broken, too, so that somebody quotes them."""
    for node in model.graph.node:
        node.name = dice.choice(NASTY_NAMES)
    _rewire(dice, model)
    _attribute(dice, model)


def _long_speech(dice: Random, model: onnx.ModelProto) -> None:
    """Each phoneme lasts for hours."""
    ceil = next(node for node in model.graph.node if node.op_type == "Ceil")
    model.graph.initializer.append(
        numpy_helper.from_array(np.float32(dice.choice((1e3, 1e5, 1e9, -1.0, math.nan))), "factor")
    )
    place = list(model.graph.node).index(ceil)
    model.graph.node.insert(place, helper.make_node("Mul", [ceil.input[0], "factor"], ["longer"]))
    ceil.input[0] = "longer"


def _endless(dice: Random, model: onnx.ModelProto) -> None:
    """A loop that nothing ends feeds the output."""
    value, number, truth = helper.make_tensor_value_info, onnx.TensorProto.INT64, onnx.TensorProto.BOOL
    body = helper.make_graph(
        [helper.make_node("Identity", [name], [f"{name} again"]) for name in ("go on", "audio")],
        "body",
        [value("turn", number, []), value("go on", truth, []), value("audio", onnx.TensorProto.FLOAT, None)],
        [value("go on again", truth, []), value("audio again", onnx.TensorProto.FLOAT, None)],
    )
    model.graph.initializer.append(numpy_helper.from_array(np.bool_(True), "yes"))
    last = next(node for node in model.graph.node if "output" in node.output)
    last.output[0] = "audio in"
    model.graph.node.append(helper.make_node("Loop", ["", "yes", "audio in"], ["output"], body=body))


def _much_memory(dice: Random, model: onnx.ModelProto) -> None:
    """Zeros without number are added to the sentence."""
    size = np.array([dice.choice((2**28, 2**30, 2**33, 2**40))], np.int64)
    model.graph.initializer.append(numpy_helper.from_array(size, "size"))
    zeros = [
        helper.make_node("ConstantOfShape", ["size"], ["zeros"]),
        helper.make_node("Exp", ["zeros"], ["ones"]),
        helper.make_node("ReduceSum", ["ones"], ["sum"], keepdims=0),
    ]
    last = next(node for node in model.graph.node if "output" in node.output)
    last.output[0] = "audio in"
    model.graph.node.extend([*zeros, helper.make_node("Add", ["audio in", "sum"], ["output"])])


_Graph = Callable[[Random, onnx.ModelProto], None]

GRAPHS: dict[str, _Graph] = {
    "huge dimensions": lambda dice, model: _set_dims(dice, model, _HUGE),
    "dimensions that cannot be": lambda dice, model: _set_dims(dice, model, (-1, 0, -(2**63), 3)),
    "weights that are no numbers": lambda dice, model: _set_values(dice, model, lambda values: values * math.nan),
    "weights without end": lambda dice, model: _set_values(dice, model, lambda values: values / 0.0),
    "large weights": lambda dice, model: _set_values(dice, model, lambda values: values * 1e30),
    "no weights": lambda dice, model: _set_values(dice, model, lambda values: values.reshape(-1)[:0]),
    "another constant": _set_constant,
    "another type": _retype,
    "text instead of weights": _to_strings,
    "a weight is missing": _forget_weight,
    "nodes are missing": _forget_nodes,
    "nodes in disorder": _shuffle,
    "a circle": _circle,
    "other ways": _rewire,
    "nodes without inputs": _no_inputs,
    "another operator": _operator,
    "another opset": _opset,
    "another attribute": _attribute,
    "graphs in graphs": _graph_in_graph,
    "weights elsewhere": _elsewhere,
    "other inputs and outputs": _interface,
    "names of nodes": _names,
    "endless phonemes": _long_speech,
    "an endless loop": _endless,
    "much memory": _much_memory,
}


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every place of a configuration, as (object, key)."""
    if not isinstance(value, dict):
        return []
    return [(value, key) for key in value] + [place for inner in value.values() for place in _places(inner)]


def _place(dice: Random, config: dict[str, Any]) -> tuple[Any, Any]:
    """The hundreds of phonemes count as one."""
    phonemes = config.get("phoneme_id_map")
    places = _places(config)
    others = [place for place in places if place[0] is not phonemes]
    return dice.choice([*others, dice.choice(places)])


def _replace(dice: Random, config: dict[str, Any]) -> None:
    for _ in range(dice.choice((1, 1, 5))):
        holder, key = _place(dice, config)
        holder[key] = dice.choice((*_PLAIN, *NASTY_NAMES))


def _drop(dice: Random, config: dict[str, Any]) -> None:
    holder, key = _place(dice, config)
    del holder[key]


def _rename(dice: Random, config: dict[str, Any]) -> None:
    """Names and codes that steer a terminal or name a file."""
    name = dice.choice((*NASTY_NAMES, "x" * 300, "../../etc/passwd", "/etc/passwd", "a\0b"))
    config["dataset"] = name
    config["language"] = {"code": name, "family": name, "name_english": name}
    if dice.random() < 0.5:
        config["espeak"]["voice"] = name
    config["speaker_id_map"] = {name: 0}


def _lie(dice: Random, config: dict[str, Any]) -> None:
    lies: tuple[dict[str, Any], ...] = (
        {"num_speakers": dice.choice((2, 904, 2**31))},
        {"num_symbols": dice.choice((0, 1, 2**31))},
        {"phoneme_type": dice.choice(("text", "pinyin", "nonsense", 7))},
        {"inference": {"length_scale": dice.choice((1e-30, 99.0, 0.001)), "noise_scale": 99, "noise_w": 99}},
        {"phoneme_id_map": {"a": [5], "b": [6], "_": [0]}},
        {"phoneme_id_map": {phoneme: [255] * 1000 for phoneme in config["phoneme_id_map"]}},
        {"phoneme_id_map": {name: [3] for name in NASTY_NAMES}},
        {"audio": {"sample_rate": dice.choice((1000, 384_000))}},
        {"hop_length": dice.choice((0, -1, "x"))},
    )
    config |= dice.choice(lies)


CONFIGS: dict[str, Callable[[Random, dict[str, Any]], None]] = {
    "other values in the configuration": _replace,
    "less in the configuration": _drop,
    "names in the configuration": _rename,
    "a configuration that lies": _lie,
}

KINDS = (*BYTES, *GRAPHS, *TEXTS, *CONFIGS)
