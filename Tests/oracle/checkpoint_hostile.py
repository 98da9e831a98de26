"""Makes Tests/Fixtures/hostile/: model files that are wrong, each in one way, and cases.json, which says with which
error each must be refused (the Swift case's name).

Run: python Tests/oracle/checkpoint_hostile.py     (needs nothing but Python)
"""
import json
import pathlib
import shutil
import struct

HERE = pathlib.Path(__file__).resolve().parents[1] / "Fixtures" / "hostile"
CASES = []


def case(reader, name, error, content):
    """A file, or a folder if `content` is a dictionary of files."""
    path = HERE / reader / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, dict):
        path.mkdir()
        for file, data in content.items():
            (path / file).write_bytes(data)
    else:
        path.write_bytes(content)
    CASES.append({"reader": reader, "path": f"{reader}/{name}", "error": error})


# --- safetensors -----------------------------------------------------------------------------------------------------

def tensors(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def safetensors():
    good = entry()
    ok = bytes(8)
    for name, error, content in [
        ("empty", "tooShort", b""), ("seven-bytes", "tooShort", bytes(7)),
        ("header-of-gigabytes", "headerTooLarge", tensors("{}", length=1 << 40)),
        ("header-length-negative", "headerTooLarge", tensors("{}", length=(1 << 64) - 1)),
        ("header-cut", "headerTruncated", tensors("{}", length=1000)),
        ("header-garbage", "headerNotJSON", tensors("{\"a\":")),
        ("header-trailing", "headerNotJSON", tensors("{}{}")),
        ("header-not-utf8", "headerNotJSON", tensors(b"{\"\xff\":1}")),
        ("header-deep", "headerNotJSON", tensors("[" * 1000)),
        ("header-array", "headerNotObject", tensors("[]")),
        ("metadata-number", "metadataNotStrings", tensors({"__metadata__": {"a": 1}})),
        ("metadata-list", "metadataNotStrings", tensors({"__metadata__": []})),
        ("same-name-twice", "duplicateTensor", tensors(
            '{"a":' + json.dumps(good) + ',"a":' + json.dumps(entry(offsets=(8, 16))) + "}", bytes(16))),
        ("same-field-twice", "headerNotJSON", tensors(
            '{"a":{"dtype":"F32","dtype":"F16","shape":[2],"data_offsets":[0,8]}}', ok)),
        ("entry-number", "malformedEntry", tensors({"a": 1})),
        ("no-dtype", "malformedEntry", tensors({"a": {"shape": [2], "data_offsets": [0, 8]}}, ok)),
        ("no-shape", "malformedEntry", tensors({"a": {"dtype": "F32", "data_offsets": [0, 8]}}, ok)),
        ("no-offsets", "malformedEntry", tensors({"a": {"dtype": "F32", "shape": [2]}}, ok)),
        ("unknown-field", "malformedEntry", tensors({"a": {**good, "strides": [1]}}, ok)),
        ("negative-extent", "malformedEntry", tensors({"a": entry(shape=(-2,))}, ok)),
        ("fractional-extent", "malformedEntry", tensors({"a": entry(shape=(2.5,))}, ok)),
        ("huge-extent", "malformedEntry", tensors({"a": entry(shape=(1 << 70,))}, ok)),
        ("negative-offset", "malformedEntry", tensors({"a": entry(offsets=(-8, 8))}, ok)),
        ("one-offset", "malformedEntry", tensors({"a": entry(offsets=(8,))}, ok)),
        ("unknown-type", "unknownType", tensors({"a": entry(dtype="F33")}, ok)),
        ("shape-overflows", "shapeOverflow", tensors({"a": entry(shape=(1 << 40, 1 << 40))}, ok)),
        ("shape-overflows-then-zero", "shapeOverflow", tensors({"a": entry(shape=(1 << 62, 4, 0))}, ok)),
        ("bits-overflow", "shapeOverflow", tensors({"a": entry(shape=(1 << 60,))}, ok)),
        ("half-a-byte", "shapeOverflow", tensors({"a": entry(dtype="F4", shape=(3,), offsets=(0, 1))}, b"\0")),
        ("offsets-reversed", "offsetsReversed", tensors({"a": entry(offsets=(8, 0))}, ok)),
        ("past-the-end", "outOfRange", tensors({"a": entry()}, bytes(4))),
        ("far-past-the-end", "outOfRange", tensors({"a": entry(offsets=(0, 1 << 62))}, ok)),
        ("size-differs", "sizeMismatch", tensors({"a": entry(shape=(1,))}, ok)),
        ("overlap", "overlap", tensors({"a": entry(), "b": entry(offsets=(4, 12))}, bytes(12))),
        ("same-place", "overlap", tensors({"a": entry(), "b": entry()}, ok)),
        ("hole", "hole", tensors({"a": entry(), "b": entry(offsets=(12, 20))}, bytes(20))),
        ("data-before-first", "hole", tensors({"a": entry(offsets=(4, 12))}, bytes(12))),
        ("data-after-last", "trailingBytes", tensors({"a": entry()}, bytes(9))),
    ]:
        case("safetensors", name + ".safetensors", error, content)


def index():
    shard = tensors({"a": entry()}, bytes(8))
    listing = lambda weights: json.dumps({"weight_map": weights}).encode()
    for name, error, files in [
        ("not-json", "indexMalformed", {"index.json": b"{"}),
        ("no-map", "indexMalformed", {"index.json": b"{}"}),
        ("file-is-number", "indexMalformed", {"index.json": listing({"a": 1})}),
        ("parent-folder", "indexUnsafeName", {"index.json": listing({"a": "../x.safetensors"})}),
        ("dots", "indexUnsafeName", {"index.json": listing({"a": ".."})}),
        ("empty-name", "indexUnsafeName", {"index.json": listing({"a": ""})}),
        ("zero-byte", "indexUnsafeName", {"index.json": listing({"a": "x\0y"})}),
        ("no-shard", "file", {"index.json": listing({"a": "x.safetensors"})}),
        ("tensor-missing", "indexMissingTensor", {
            "index.json": listing({"a": "x.safetensors", "b": "x.safetensors"}), "x.safetensors": shard}),
        ("tensor-not-listed", "indexExtraTensor", {
            "index.json": listing({"b": "x.safetensors"}), "x.safetensors": shard}),
        ("tensor-in-two-shards", "indexExtraTensor", {
            "index.json": listing({"a": "x.safetensors", "b": "y.safetensors"}), "x.safetensors": shard,
            "y.safetensors": tensors({"a": entry(), "b": entry(offsets=(8, 16))}, bytes(16))}),
    ]:
        case("index", name, error, files)


# --- bitsandbytes 4-bit weights --------------------------------------------------------------------------------------

NF4 = [-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
       -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634,
       0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0]
WIDTH = {"U8": 1, "I8": 1, "F16": 2, "F32": 4, "I64": 8}


def pack(parts):
    """{name: (dtype, bytes)} as a safetensors file of vectors."""
    header, data = {}, b""
    for name, (dtype, raw) in parts.items():
        header[name] = entry(dtype, (len(raw) // WIDTH[dtype],), (len(data), len(data) + len(raw)))
        data += raw
    return tensors(header, data)


def floats(values):
    return "F32", struct.pack(f"<{len(values)}f", *values)


def weight(drop=(), state=(), **parts):
    """A good 8 x 16 weight of two double-quantised blocks, with changes."""
    fields = {"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": [8, 16], "nested_blocksize": 256,
              "nested_dtype": "float32", "nested_offset": 0.5}
    fields.update(state)
    document = json.dumps({key: value for key, value in fields.items() if value is not None}).encode()
    result = {"w.weight": ("U8", bytes(64)), "w.weight.absmax": ("U8", bytes(2)), "w.weight.quant_map": floats(NF4),
              "w.weight.nested_absmax": floats([1.0]), "w.weight.nested_quant_map": floats([0.0] * 256),
              "w.weight.quant_state.bitsandbytes__nf4": ("U8", document)}
    result.update({key: value for key, value in parts.items()})
    return pack({key: value for key, value in result.items() if key not in drop})


def fourbit():
    name = "w.weight"
    state = name + ".quant_state.bitsandbytes__nf4"
    nan, inf = float("nan"), float("inf")
    for label, error, content in [
        ("eight-bit", "eightBit", pack({"w.weight": ("I8", bytes(128)), "w.SCB": floats([1.0] * 8)})),
        ("no-codes", "missing", weight(drop=[name])),
        ("no-state", "missing", weight(drop=[state])),
        ("no-absmax", "missing", weight(drop=[name + ".absmax"])),
        ("no-quant-map", "missing", weight(drop=[name + ".quant_map"])),
        ("no-nested-absmax", "missing", weight(drop=[name + ".nested_absmax"])),
        ("no-nested-map", "missing", weight(drop=[name + ".nested_quant_map"])),
        ("two-states", "missing", weight(**{name + ".quant_state.bitsandbytes__fp4": ("U8", b"{}")})),
        ("absmax-type", "wrongType", weight(**{name + ".absmax": ("F16", bytes(4))})),
        ("nested-absmax-type", "wrongType", weight(**{name + ".nested_absmax": ("F16", bytes(2))})),
        ("state-type", "wrongType", weight(**{state: ("I64", bytes(16))})),
        ("state-garbage", "stateNotJSON", weight(**{state: ("U8", b"{\"quant_type\":")})),
        ("state-list", "stateInvalid", weight(**{state: ("U8", b"[]")})),
        ("no-kind", "stateInvalid", weight(state={"quant_type": None})),
        ("kind-differs-from-name", "stateInvalid", weight(state={"quant_type": "fp4"})),
        ("no-block-size", "stateInvalid", weight(state={"blocksize": None})),
        ("no-dtype", "stateInvalid", weight(state={"dtype": None})),
        ("no-shape", "stateInvalid", weight(state={"shape": None})),
        ("shape-of-strings", "stateInvalid", weight(state={"shape": ["8", "16"]})),
        ("no-nested-block-size", "stateInvalid", weight(state={"nested_blocksize": None})),
        ("nested-block-size-zero", "stateInvalid", weight(state={"nested_blocksize": 0})),
        ("nested-dtype", "stateInvalid", weight(state={"nested_dtype": "float16"})),
        ("no-nested-offset", "stateInvalid", weight(state={"nested_offset": None})),
        ("nested-offset-nan", "stateInvalid", weight(state={"nested_offset": nan})),
        ("nested-offset-huge", "stateInvalid", weight(state={"nested_offset": 1e300})),
        ("unknown-kind", "unsupportedKind", weight(state={"quant_type": "af4"})),
        ("float64", "unsupportedFormat", weight(state={"dtype": "float64"})),
        ("block-size-16", "blockSize", weight(state={"blocksize": 16})),
        ("block-size-48", "blockSize", weight(state={"blocksize": 48})),
        ("block-size-8192", "blockSize", weight(state={"blocksize": 8192})),
        ("block-size-negative", "blockSize", weight(state={"blocksize": -64})),
        ("shape-vector", "shape", weight(state={"shape": [128]})),
        ("shape-zero", "shape", weight(state={"shape": [0, 16]})),
        ("shape-huge", "shape", weight(state={"shape": [1 << 40, 1 << 40]})),
        ("too-few-codes", "codeBytes", weight(**{name: ("U8", bytes(63))})),
        ("too-many-codes", "codeBytes", weight(**{name: ("U8", bytes(65))})),
        ("too-few-scales", "count", weight(**{name + ".absmax": ("U8", bytes(1))})),
        ("too-many-nested", "count", weight(**{name + ".nested_absmax": floats([1.0, 1.0])})),
        ("short-nested-map", "count", weight(**{name + ".nested_quant_map": floats([0.0] * 255)})),
        ("short-quant-map", "count", weight(**{name + ".quant_map": floats(NF4[:15])})),
        ("other-codes", "codebook", weight(**{name + ".quant_map": floats(NF4[:15] + [0.9])})),
        ("nan-codes", "codebook", weight(**{name + ".quant_map": floats([nan] * 16)})),
        ("nan-scale", "scaleNotFinite", weight(**{name + ".nested_absmax": floats([nan])})),
        ("infinite-scale", "scaleNotFinite", weight(**{name + ".nested_quant_map": floats([inf] * 256)})),
    ]:
        case("fourbit", label + ".safetensors", error, content)


# --- GGUF ------------------------------------------------------------------------------------------------------------

def text(value):
    raw = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(raw)) + raw


def field(key, kind, raw):
    return text(key) + struct.pack("<I", kind) + raw


def place(name="a", extents=(32,), kind=0, offset=0):
    return text(name) + struct.pack(f"<I{len(extents)}QIQ", len(extents), *extents, kind, offset)


def gguf(fields=(), places=(), data=b"", version=3, magic=b"GGUF", counts=None):
    kv, table = b"".join(fields), b"".join(places)
    tensor_count, field_count = counts or (len(places), len(fields))
    head = magic + struct.pack("<IQQ", version, tensor_count, field_count) + kv + table
    return head + bytes(-len(head) % 32) + data


def nested(depth):
    raw = struct.pack("<IQ", 0, 1) + b"\0"
    for _ in range(depth):
        raw = struct.pack("<IQ", 9, 1) + raw
    return raw


def gguf_cases():
    data = bytes(128)
    array = lambda kind, count, raw=b"": field("k", 9, struct.pack("<IQ", kind, count) + raw)
    for name, error, content in [
        ("empty", "notGGUF", b""), ("other-magic", "notGGUF", gguf(magic=b"GGML")),
        ("magic-only", "truncated", b"GGUF"), ("counts-cut", "truncated", b"GGUF" + struct.pack("<IQ", 3, 0)),
        ("big-endian", "bigEndian", b"GGUF" + struct.pack(">IQQ", 3, 0, 0)),
        ("version-1", "unsupportedVersion", gguf(version=1)), ("version-4", "unsupportedVersion", gguf(version=4)),
        ("fields-beyond-file", "tooManyFields", gguf(counts=(0, 1 << 60))),
        ("fields-all-ones", "tooManyFields", gguf(counts=(0, (1 << 64) - 1))),
        ("tensors-beyond-file", "tooManyTensors", gguf(counts=(1 << 60, 0))),
        ("key-beyond-file", "stringTooLong", gguf([struct.pack("<Q", 1 << 40) + bytes(16)], counts=(0, 1))),
        ("key-length-all-ones", "stringTooLong", gguf([struct.pack("<Q", (1 << 64) - 1) + bytes(16)], counts=(0, 1))),
        ("key-not-utf8", "invalidString", gguf([field(b"\xff\xfe", 0, b"\0")], counts=(0, 1))),
        ("value-cut", "truncated", b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("abcde") + struct.pack("<I", 10)),
        ("boolean-2", "invalidBool", gguf([field("k", 7, b"\2")])),
        ("array-beyond-file", "arrayTooLong", gguf([array(10, 1 << 40)])),
        ("array-all-ones", "arrayTooLong", gguf([array(0, (1 << 64) - 1)])),
        ("array-of-strings-beyond-file", "stringTooLong", gguf([array(8, 2, text("a") + struct.pack("<Q", 1 << 50))])),
        ("arrays-in-arrays", "arrayTooDeep", gguf([field("k", 9, nested(64))])),
        ("value-type-13", "unknownValueType", gguf([field("k", 13, bytes(8))])),
        ("array-type-99", "unknownValueType", gguf([array(99, 1, bytes(8))])),
        ("key-twice", "duplicateKey", gguf([field("k", 0, b"\1"), field("k", 0, b"\2")])),
        ("alignment-0", "invalidAlignment", gguf([field("general.alignment", 4, struct.pack("<I", 0))])),
        ("alignment-24", "invalidAlignment", gguf([field("general.alignment", 4, struct.pack("<I", 24))])),
        ("alignment-2-to-31", "invalidAlignment", gguf([field("general.alignment", 4, struct.pack("<I", 1 << 31))])),
        ("alignment-text", "invalidAlignment", gguf([field("general.alignment", 8, text("32"))])),
        ("tensor-twice", "duplicateTensor", gguf(places=[place(), place(offset=128)], data=bytes(256))),
        ("tensor-type-4", "unknownTensorType", gguf(places=[place(kind=4)], data=data)),
        ("tensor-type-999", "unknownTensorType", gguf(places=[place(kind=999)], data=data)),
        ("no-extents", "invalidShape", gguf(places=[place(extents=()) + bytes(16)], data=data)),
        ("five-extents", "invalidShape", gguf(places=[place(extents=(1, 1, 1, 1, 1))], data=data)),
        ("zero-extent", "invalidShape", gguf(places=[place(extents=(32, 0))], data=data)),
        ("extent-all-ones", "shapeOverflow", gguf(places=[place(extents=((1 << 64) - 1,))], data=data)),
        ("shape-overflows", "shapeOverflow", gguf(places=[place(extents=(1 << 40, 1 << 40))], data=data)),
        ("bytes-overflow", "shapeOverflow", gguf(places=[place(extents=(1 << 62,), kind=28)], data=data)),
        ("half-a-block", "partialBlock", gguf(places=[place(extents=(48,), kind=8)], data=data)),
        ("offset-4", "misaligned", gguf(places=[place(offset=4)], data=bytes(256))),
        ("data-cut", "outOfRange", gguf(places=[place()], data=bytes(127))),
        ("no-data", "outOfRange", gguf(places=[place()])),
        ("offset-past-end", "outOfRange", gguf(places=[place(offset=1 << 20)], data=data)),
        ("offset-all-ones", "outOfRange", gguf(places=[place(offset=(1 << 64) - 32)], data=data)),
        ("overlap", "overlap", gguf(places=[place("a"), place("b", offset=64)], data=bytes(192))),
        ("same-place", "overlap", gguf(places=[place("a"), place("b")], data=data)),
    ]:
        case("gguf", name + ".gguf", error, content)


# --- adapters --------------------------------------------------------------------------------------------------------

def lora(prefix="base_model.model.model.layers.0.self_attn.q_proj", rank=2, rows=32, columns=32, drop=(), **more):
    """The low-rank pair of one layer as {name: (shape, values)}."""
    parts = {prefix + ".lora_A.weight": ((rank, columns), [0.5] * (rank * columns)),
             prefix + ".lora_B.weight": ((rows, rank), [0.5] * (rows * rank))}
    return {key: value for key, value in {**parts, **more}.items() if key not in drop}


def adapter(parts=None, config=None, drop=()):
    fields = {"peft_type": "LORA", "task_type": "SEQ_CLS", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj"]}
    fields.update(config or {})
    header, data = {}, b""
    for name, (shape, values) in (lora() if parts is None else parts).items():
        raw = struct.pack(f"<{len(values)}f", *values)
        header[name] = entry("F32", shape, (len(data), len(data) + len(raw)))
        data += raw
    return {"adapter_config.json": json.dumps({k: v for k, v in fields.items() if k not in drop}).encode(),
            "adapter_model.safetensors": tensors(header, data)}


def adapters():
    q = "base_model.model.model.layers.0.self_attn.q_proj"
    good = adapter()
    nan = float("nan")
    only = lambda *names: {name: good[name] for name in names}
    for name, error, files in [
        ("no-config", "configuration", only("adapter_model.safetensors")),
        ("config-garbage", "configuration", {**good, "adapter_config.json": b"{"}),
        ("config-list", "invalid", {**good, "adapter_config.json": b"[]"}),
        ("pickle", "pickledWeights", {**only("adapter_config.json"), "adapter_model.bin": b"PK"}),
        ("no-weights", "weights", only("adapter_config.json")),
        ("weights-cut", "weights", {**good, "adapter_model.safetensors": good["adapter_model.safetensors"][:-1]}),
        ("no-tensors", "empty", adapter({})),
        ("no-peft-type", "missing", adapter(drop=["peft_type"])),
        ("loha", "unsupportedMethod", adapter(config={"peft_type": "LOHA"})),
        ("ia3", "unsupportedMethod", adapter(config={"peft_type": "IA3"})),
        ("adalora", "unsupportedMethod", adapter(config={"peft_type": "ADALORA"})),
        ("rank-0", "invalid", adapter(config={"r": 0})),
        ("rank-text", "invalid", adapter(config={"r": "8"})),
        ("alpha-nan", "invalid", adapter(config={"lora_alpha": nan})),
        ("rslora-text", "invalid", adapter(config={"use_rslora": "yes"})),
        ("dora-number", "invalid", adapter(config={"use_dora": 1})),
        ("bias-number", "invalid", adapter(config={"bias": 1})),
        ("rank-pattern-list", "invalid", adapter(config={"rank_pattern": ["q_proj"]})),
        ("rank-pattern-0", "invalid", adapter(config={"rank_pattern": {"q_proj": 0}})),
        ("alpha-pattern-text", "invalid", adapter(config={"alpha_pattern": {"q_proj": "x"}})),
        ("init-number", "invalid", adapter(config={"init_lora_weights": 1})),
        ("init-pissa", "unsupportedInitialisation", adapter(config={"init_lora_weights": "pissa"})),
        ("init-pissa-niter", "unsupportedInitialisation", adapter(config={"init_lora_weights": "pissa_niter_4"})),
        ("init-olora", "unsupportedInitialisation", adapter(config={"init_lora_weights": "olora"})),
        ("init-corda", "unsupportedInitialisation", adapter(config={"init_lora_weights": "corda"})),
        ("init-lora-ga", "unsupportedInitialisation", adapter(config={"init_lora_weights": "lora_ga"})),
        ("init-loftq", "unsupportedInitialisation", adapter(config={"init_lora_weights": "loftq"})),
        ("bias-unknown", "unsupportedFeature", adapter(config={"bias": "some"})),
        ("task-tokens", "unsupportedFeature", adapter(config={"task_type": "TOKEN_CLS"})),
        ("task-unknown", "unsupportedFeature", adapter(config={"task_type": "SEQ"})),
        ("task-number", "invalid", adapter(config={"task_type": 1})),
        ("modules-to-save-text", "invalid", adapter(config={"modules_to_save": "score"})),
        ("modules-to-save-numbers", "invalid", adapter(config={"modules_to_save": ["score", 1]})),
        ("layer-replication", "unsupportedFeature", adapter(config={"layer_replication": [[0, 1], [0, 1]]})),
        ("target-parameters", "unsupportedFeature", adapter(config={"target_parameters": ["experts.gate"]})),
        ("trainable-tokens", "unsupportedFeature", adapter(config={"trainable_token_indices": [1]})),
        ("alora", "unsupportedFeature", adapter(config={"alora_invocation_tokens": [1, 2]})),
        ("qalora", "unsupportedFeature", adapter(config={"use_qalora": True})),
        ("bdlora", "unsupportedFeature", adapter(config={"use_bdlora": {"target_modules_bd_a": ["q_proj"]}})),
        ("arrow", "unsupportedFeature", adapter(config={"arrow_config": {"top_k": 1}})),
        ("kasa", "unsupportedFeature", adapter(config={"kasa_config": {"beta": 1}})),
        ("monteclora", "unsupportedFeature", adapter(config={"monteclora_config": {"x": 1}})),
        ("velora", "unsupportedFeature", adapter(config={"velora_config": {"x": 1}})),
        ("megatron", "unsupportedFeature", adapter(config={"megatron_config": {"x": 1}})),
        ("pattern-look-ahead", "unsupportedPattern", adapter(config={"rank_pattern": {"(?=q)q_proj": 2}})),
        ("pattern-open-group", "unsupportedPattern", adapter(config={"alpha_pattern": {"(q_proj": 2}})),
        ("pattern-explodes", "unsupportedPattern", adapter(config={"rank_pattern": {"((a{99}){99}){99}": 2}})),
        ("stray-tensor", "unrecognisedTensor", adapter(lora(**{"weight": ((1,), [1.0])}))),
        ("other-lora-part", "unrecognisedTensor", adapter(lora(**{q + ".lora_E": ((1,), [1.0])}))),
        ("stray-magnitude", "unrecognisedTensor", adapter(lora(**{q + ".lora_magnitude_vector": ((32,), [1.0] * 32)}))),
        ("two-spellings", "duplicateTensor", adapter(lora(**{
            q.replace("model.layers", "layers") + ".lora_A.weight": ((2, 32), [0.5] * 64)}))),
        ("head-twice", "duplicateTensor", adapter(lora(**{
            "base_model.model.score.weight": ((5, 32), [0.5] * 160),
            "base_model.model.score.modules_to_save.weight": ((5, 32), [0.5] * 160)}))),
        ("embedding", "embeddingAdapter", adapter(lora(**{
            "base_model.model.model.embed_tokens.lora_embedding_A": ((2, 32), [0.5] * 64)}))),
        ("no-a", "unpaired", adapter(lora(drop=[q + ".lora_A.weight"]))),
        ("no-b", "unpaired", adapter(lora(drop=[q + ".lora_B.weight"]))),
        ("dora-without-magnitude", "unpaired", adapter(config={"use_dora": True})),
        ("a-vector", "wrongShape", adapter({**lora(), q + ".lora_A.weight": ((64,), [0.5] * 64)})),
        ("b-cube", "wrongShape", adapter({**lora(), q + ".lora_B.weight": ((32, 2, 1), [0.5] * 64)})),
        ("a-empty", "wrongShape", adapter({**lora(), q + ".lora_A.weight": ((0, 32), [])})),
        ("short-magnitude", "wrongShape", adapter(
            lora(**{q + ".lora_magnitude_vector": ((31,), [1.0] * 31)}), config={"use_dora": True})),
        ("ranks-differ", "rankMismatch", adapter({**lora(), q + ".lora_B.weight": ((32, 3), [0.5] * 96)})),
        ("rank-not-configured", "rankMismatch", adapter(config={"r": 4})),
        ("rank-pattern-differs", "rankMismatch", adapter(config={"rank_pattern": {"q_proj": 3}})),
        ("nan", "notFinite", adapter({**lora(), q + ".lora_A.weight": ((2, 32), [nan] * 64)})),
        ("infinite", "notFinite", adapter({**lora(), q + ".lora_B.weight": ((32, 2), [float("inf")] * 64)})),
        ("other-module", "moduleNotInBase", adapter(lora("base_model.model.model.layers.0.self_attn.w_proj"))),
        ("layer-99", "moduleNotInBase", adapter(lora("base_model.model.model.layers.99.self_attn.q_proj"))),
        ("replaces-nothing", "moduleNotInBase", adapter(lora(**{
            "base_model.model.model.extra.weight": ((2,), [1.0, 1.0])}))),
        ("head-not-saved", "notSaved", adapter(config={"modules_to_save": ["classifier", "score"]})),
        ("embeddings-not-saved", "notSaved", adapter(config={"modules_to_save": ["embed_tokens"]})),
        ("block-not-saved", "notSaved", adapter(config={"modules_to_save": ["1.mlp"]})),
        ("biases-not-saved", "notSaved", adapter(
            lora(**{q + ".base_layer.bias": ((32,), [0.5] * 32)}), config={"bias": "all"})),
        ("adapted-bias-not-saved", "notSaved", adapter(config={"bias": "lora_only"})),
        ("other-width", "doesNotFit", adapter(lora(columns=16))),
        ("other-height", "doesNotFit", adapter(lora(rows=16))),
        ("other-embeddings", "doesNotFit", adapter(lora(**{
            "base_model.model.model.embed_tokens.weight": ((3, 32), [0.5] * 96)}))),
    ]:
        case("adapter", name, error, files)


if __name__ == "__main__":
    shutil.rmtree(HERE, ignore_errors=True)
    safetensors()
    index()
    fourbit()
    gguf_cases()
    adapters()
    (HERE / "cases.json").write_text(json.dumps(CASES, indent=0) + "\n")
    print(len(CASES), "cases")
