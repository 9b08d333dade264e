"""The data of the goals: written once a run into a folder that ours and every peer read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

SEXES, RACES = np.array(["F", "M"]), np.array(["A", "B", "C", "D", "E"])
SHARES = (0.22, 0.09, 0.07, 0.05, 0.02, 0.28, 0.11, 0.08, 0.05, 0.03)
NUMBERS, LEVELS, CATEGORIES = 25, 8, 5
EDGES = tuple((k + 1) / 10 for k in range(9))
TREE_FEATURES = 30
Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]


def people(n: int, *, seed: int = 0) -> tuple[Bytes, Bytes, Bytes, Bytes]:
    """Codes of two and five groups, outcomes and decisions, a byte each."""
    rng = np.random.default_rng(seed)
    sex = rng.choice(2, n, p=[0.45, 0.55]).astype(np.uint8)
    race = rng.choice(5, n, p=[0.5, 0.2, 0.15, 0.1, 0.05]).astype(np.uint8)
    label = (rng.random(n) < 0.2 + 0.05 * sex + 0.03 * race).astype(np.uint8)
    chance = np.where(label == 1, 0.7 - 0.03 * race, 0.15 + 0.02 * sex)
    return sex, race, label, (rng.random(n) < chance).astype(np.uint8)


def write_people(folder: Path, n: int, *, categories: bool = False) -> Path:
    """The same in a Parquet file: groups as text, or as what pandas reads as categories."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / f"people-{n}{'-categories' if categories else ''}.parquet"
    sex, race, label, predicted = people(n)
    groups = {"sex": _dictionary(sex, SEXES), "race": _dictionary(race, RACES)}
    if not categories:
        groups = {name: codes.dictionary_decode() for name, codes in groups.items()}
    columns = {**groups, "y": label, "p": predicted}
    pq.write_table(pa.table(columns), path, compression="zstd")
    return path


def _dictionary(codes: Bytes, levels: npt.NDArray[np.str_]) -> Any:
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(levels.tolist()))


def scored(n: int, *, seed: int = 0) -> tuple[Floats, Bytes, Bytes]:
    """Scores in (0, 1), outcomes, and the codes of ten groups of unequal size."""
    rng = np.random.default_rng(seed)
    group = rng.choice(10, n, p=SHARES).astype(np.uint8)
    margin = rng.normal(size=n) * 1.2 + 0.05 * group - 1.0
    label = rng.random(n) < 1 / (1 + np.exp(-(margin + rng.normal(size=n) * 0.8)))
    return 1 / (1 + np.exp(-margin)), label.astype(np.uint8), group


def old_shares(n: int) -> list[float]:
    """What shares of a reference's scores lie between the edges of tenths."""
    old, _, _ = scored(min(n, 200_000), seed=99)
    counts = np.diff([0, *np.searchsorted(np.sort(old), EDGES, "right"), len(old)])
    return list((counts / len(old)).tolist())


def write_scored(folder: Path, n: int, part: int = 10_000_000) -> Path:
    """Parquet parts of float32 scores, outcomes and groups in a folder of their own."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    place = folder / f"scored-{n}-{part}"
    place.mkdir()
    for number, first in enumerate(range(0, n, part)):
        score, label, group = scored(min(part, n - first), seed=1000 + number)
        columns = {"score": score.astype(np.float32), "y": label, "g": group}
        pq.write_table(
            pa.table(columns),
            place / f"part{number:03d}.parquet",
            compression="zstd",
            use_dictionary=["y", "g"],
            row_group_size=1_000_000,
        )
    return place


def drifting(n: int, seed: int) -> dict[str, npt.NDArray[Any]]:
    """Twenty-five numbers and five categories; another seed than 0 shifts them a little."""
    rng = np.random.default_rng(seed)
    shift = 0.02 if seed else 0.0
    numbers = {f"n{i}": rng.normal(shift * (i % 3), 1 + 0.02 * i, n) for i in range(NUMBERS)}
    return numbers | {f"c{i}": rng.integers(0, LEVELS, n) for i in range(CATEGORIES)}


def write_drifting(folder: Path, n: int) -> Path:
    """Reference and current columns of `drifting`, as arrays on disk."""
    place = folder / f"drift-{n}"
    place.mkdir()
    for name, seed in (("then", 0), ("now", 1)):
        np.savez(place / name, **drifting(n, seed))
    return place


def read_drifting(place: str, name: str) -> dict[str, npt.NDArray[Any]]:
    """What `write_drifting` wrote."""
    with np.load(Path(place, f"{name}.npz")) as kept:
        return {key: kept[key] for key in kept.files}


def applicants(n: int, seed: int = 0) -> tuple[Singles, npt.NDArray[np.int64]]:
    """Thirty features, ten of them small integers, and outcomes with interactions."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, TREE_FEATURES)).astype(np.float32)
    x[:, 20:] = rng.integers(0, 12, (n, 10))
    z = x[:, 0] + x[:, 1] * x[:, 2] + np.sin(2 * x[:, 3]) + 0.3 * x[:, 4] - 0.1 * x[:, 21]
    z += 0.05 * x[:, 22] * x[:, 5] + 0.2 * x[:, 6:20].sum(1) / 3
    return x, (z + rng.logistic(size=n) > 0).astype(np.int64)


def xgboost_model(folder: Path, *, trees: int, depth: int, rows: int = 100_000) -> Path:
    """A gradient-boosted ensemble on the applicants."""
    import xgboost

    path = folder / f"xgboost-{trees}x{depth}.json"
    x, y = applicants(rows)
    settings = {
        "max_depth": depth,
        "objective": "binary:logistic",
        "tree_method": "hist",
        "eta": 0.05,
        "nthread": 2,
    }
    xgboost.train(settings, xgboost.DMatrix(x, label=y), trees).save_model(path)
    return path


def lightgbm_model(folder: Path, *, trees: int, leaves: int, rows: int = 100_000) -> Path:
    """The same, grown by leaves."""
    import lightgbm

    path = folder / f"lightgbm-{trees}x{leaves}.txt"
    x, y = applicants(rows)
    settings = {
        "objective": "binary",
        "num_leaves": leaves,
        "learning_rate": 0.05,
        "num_threads": 2,
        "verbose": -1,
    }
    lightgbm.train(settings, lightgbm.Dataset(x, y), trees).save_model(path)
    return path


def forest_model(folder: Path, *, trees: int, depth: int, rows: int = 20_000) -> Path:
    """A random forest of scikit-learn, kept without pickle."""
    import skops.io
    from sklearn.ensemble import RandomForestClassifier

    path = folder / f"forest-{trees}x{depth}.skops"
    x, y = applicants(rows)
    skops.io.dump(RandomForestClassifier(trees, max_depth=depth, n_jobs=2, random_state=0).fit(x, y), path)
    return path


def network(folder: Path, *, rows: int = 20_000, rounds: int = 12) -> None:
    """A small neural network as mlp.skops and mlp.onnx, and rows to explain with their background."""
    import skops.io
    from skl2onnx import to_onnx
    from sklearn.neural_network import MLPClassifier

    x, y = _smooth(rows)
    model = MLPClassifier((128, 64), max_iter=rounds, random_state=0).fit(x, y)
    skops.io.dump(model, folder / "mlp.skops")
    found = to_onnx(model, x[:1], options={"zipmap": False})
    (folder / "mlp.onnx").write_bytes(found.SerializeToString())
    np.savez(folder / "mlp", background=x[:100], rows=x[-100:])


def _smooth(n: int) -> tuple[Singles, npt.NDArray[np.int64]]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, TREE_FEATURES)).astype(np.float32)
    z = x[:, 0] + x[:, 1] * x[:, 2] + np.sin(2 * x[:, 3]) + 0.3 * x[:, 4]
    z += -0.4 * x[:, 5] * x[:, 6] + 0.1 * x[:, 7:15].sum(1)
    return x, (z + rng.logistic(size=n) > 0).astype(np.int64)
