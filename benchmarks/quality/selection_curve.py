"""`thatlook eval selection --curve`: how good does a model become by the labels that are picked, and by random ones?

A small stand-in for the whole training, so that five seeds take minutes: a linear head on ImageNet features that nobody
trained on these pictures tells a garment's kind. Each round the head that was fitted so far doubts (the margin between
its two likeliest kinds), and the next garments are picked as `train select` picks photos: by doubt times distance to
what is picked already. The head is judged on garments that are never labelled, by its mean average precision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.looks import KIND_OF
from engine.errors import QueryRejected
from models.train.data.crops import CropRecord, masked, read_cache
from models.train.embedder.teacher import lite2_embeddings
from models.train.selection.selection import spread_out

LABELS = (20, 40, 80, 160, 320, 640)
SEEDS = 5
POOL, JUDGED = 2400, 800
FEATURES = 64
"""Principal components that the head sees."""
LITE2_FILE = Path("weights") / "pretrained" / "efficientnet_lite2_timm_fp16.pt"
KEPT = "lite2_kinds.npz"


@dataclass(frozen=True, slots=True, eq=False)
class Kinds:
    """Garments as (n, d) features of unit spread with the number of their kind: those to label, those to judge by."""

    pool: NDArray[np.float64]
    pool_kinds: NDArray[np.int64]
    judged: NDArray[np.float64]
    judged_kinds: NDArray[np.int64]


def read_kinds(data: Path, cache: Path | None) -> Kinds:
    """Garments of a folder of crops (`crops.npy`, `records.jsonl`); their features are kept there too.

    Raises:
        QueryRejected: no folder was given.
    """
    if cache is None:
        raise QueryRejected("--curve looks at crops: give --cache, a folder where they are or may be kept.")
    if not (cache / "crops.npy").exists():
        from models.train.embedder.cache import build_cache

        build_cache(cache, data)
    if not (cache / KEPT).exists():
        records, crops = read_cache(cache)
        rows = {split: _drawn(records, split, most) for split, most in (("train", POOL), ("val", JUDGED))}
        found: dict[str, Any] = {}
        for split, places in rows.items():
            pictures = np.stack([masked(crops[place]) for place in places])
            found[split] = lite2_embeddings(data / LITE2_FILE, pictures)
            found[f"{split}_kinds"] = np.array([KIND_OF[records[place].category] for place in places])
        np.savez(cache / KEPT, allow_pickle=False, **found)
    kept = np.load(cache / KEPT)
    names = sorted(set(kept["train_kinds"].tolist()))
    numbers = {name: number for number, name in enumerate(names)}
    known = np.isin(kept["val_kinds"], names)
    pool, judged = _components(kept["train"], kept["val"][known])
    pool_kinds, judged_kinds = (
        np.array([numbers[name] for name in some.tolist()]) for some in (kept["train_kinds"], kept["val_kinds"][known])
    )
    return Kinds(pool, pool_kinds, judged, judged_kinds)


def _drawn(records: Sequence[CropRecord], split: str, most: int) -> list[int]:
    """Garments of a split whose kind is known, at most so many, the same ones always."""
    known = [n for n, r in enumerate(records) if r.split == split and r.source != "studio" and r.category in KIND_OF]
    chosen = np.random.default_rng(0).permutation(len(known))[:most]
    return [known[n] for n in sorted(chosen.tolist())]


def _components(
    pool: NDArray[np.float32], judged: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both on the principal components of the pool, which need no labels."""
    from sklearn.decomposition import PCA

    fitted = PCA(min(FEATURES, *pool.shape), whiten=True, random_state=0).fit(pool)
    return fitted.transform(pool), fitted.transform(judged)


def curve(kinds: Kinds, labels: Sequence[int] = LABELS, seeds: int = SEEDS) -> dict[str, Any]:
    """Mean average precision by number of labels, picked and random, mean and spread over seeds."""
    ways = {"select": _select, "random": _random}
    found = {
        way: np.array([_one_run(kinds, labels, seed, choose) for seed in range(seeds)]) for way, choose in ways.items()
    }
    rows = {
        str(count): {
            name: value
            for way, scores in found.items()
            for name, value in ((way, float(scores[:, at].mean())), (f"{way}_sd", float(scores[:, at].std())))
        }
        | {"seeds_won": int((found["select"][:, at] > found["random"][:, at]).sum())}
        for at, count in enumerate(labels)
    }
    return {"pool": len(kinds.pool), "judged": len(kinds.judged), "seeds": seeds, "by_labels": rows}


def _one_run(kinds: Kinds, labels: Sequence[int], seed: int, choose: Any) -> list[float]:
    rng = np.random.default_rng(seed)
    taken = rng.permutation(len(kinds.pool))[: labels[0]].tolist()
    scores = []
    for count in labels:
        if len(taken) < count:
            free = np.setdiff1d(np.arange(len(kinds.pool)), taken)
            taken += free[choose(kinds, taken, free, count - len(taken), rng)].tolist()
        scores.append(mean_average_precision(_chances(kinds, taken, kinds.judged), kinds.judged_kinds))
    return scores


def _select(
    kinds: Kinds, taken: Sequence[int], free: NDArray[np.int64], more: int, _rng: np.random.Generator
) -> NDArray[np.int64]:
    """By doubt times distance, as `train select`."""
    chances = np.sort(_chances(kinds, taken, kinds.pool[free]), axis=1)
    doubt = 1 - (chances[:, -1] - chances[:, -2])
    rows = kinds.pool[free] / np.linalg.norm(kinds.pool[free], axis=1, keepdims=True)
    return np.array([place for place, _ in spread_out(rows, doubt, more)], np.int64)


def _random(
    _kinds: Kinds, _taken: Sequence[int], free: NDArray[np.int64], more: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    return np.asarray(rng.permutation(len(free))[:more], np.int64)


def _chances(kinds: Kinds, taken: Sequence[int], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """(rows, kinds) of a head fitted on the labels so far; 0 for kinds that it has not seen."""
    from sklearn.linear_model import LogisticRegression

    labels = kinds.pool_kinds[list(taken)]
    chances = np.zeros((len(rows), int(kinds.pool_kinds.max()) + 1))
    if len(np.unique(labels)) == 1:
        chances[:, labels[0]] = 1
        return chances
    head = LogisticRegression(C=0.3, max_iter=300).fit(kinds.pool[list(taken)], labels)
    chances[:, head.classes_] = head.predict_proba(rows)
    return chances


def mean_average_precision(chances: NDArray[np.float64], kinds: NDArray[np.int64]) -> float:
    """The mean over kinds of the average precision of (n, kinds) chances; of kinds that occur."""
    from sklearn.metrics import average_precision_score

    return float(np.mean([average_precision_score(kinds == kind, chances[:, kind]) for kind in np.unique(kinds)]))


def table_rows(figures: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """For people: a row for each number of labels."""
    return {f"{count} labels": row for count, row in figures["by_labels"].items()}
