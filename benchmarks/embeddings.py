"""Near-duplicates among rows of embeddings: which are found, what is lost, what it takes, and what a choice covers.

`find FILE`, `words FILE` and `cover FILE` add what they measure to a file, and do not measure again what is in it;
`print FILE` prints the tables. Embeddings are drawn: rows about the centres of topics, on a sphere, of float16 in files
that are mapped to memory (`--folder`, 8 GiB for the largest); a tenth are others with noise. Texts are bags of words of
100,000 kinds, of which a tenth are others with some words changed. The peers are hnswlib, faiss-cpu, pynndescent and
semhash, where they are installed; a near-duplicate of a row that is kept is left out, from the first row to the last.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scores import apart_within
from sklearn.feature_extraction.text import TfidfTransformer

from skdc import KCenter, RandomSubset, SemanticDeduplication

SIZES = [(n, d) for n in (10_000, 100_000, 1_000_000) for d in (300, 1024, 4096)]
BOUND, PLANTED, LIKENESS = 0.95, 0.1, 0.975  # the cosine of a copy with its row
PIECE, N_NEIGHBORS = 10_000, 10
MINUTES, GIBIBYTES = 25.0, 12.0
N_WORDS, WORDS_A_TEXT, CHANGED = 100_000, 120, 0.04
SKDC, THOROUGH, EXACT = "SemanticDeduplication", "SemanticDeduplication, overlap=1", "all pairs"


def unit(rows: np.ndarray) -> np.ndarray:
    """Return rows of float32 of norm one."""
    rows = rows.astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def embeddings(folder: Path, n: int, d: int, even: bool = False) -> np.ndarray:
    """Return rows that are mapped to memory, about topics or not; the last tenth are near-duplicates of the first."""
    path = folder / f"embeddings_{n}_{d}{'_even' * even}.npy"
    if not path.exists():
        draws, n_copies = np.random.default_rng(0), int(PLANTED * n)
        topics = unit(draws.standard_normal((max(20, n // 500), d), dtype=np.float32))
        written = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(n, d))
        for start in range(0, n - n_copies, PIECE):
            rows = slice(start, min(start + PIECE, n - n_copies))
            noise = unit(draws.standard_normal((rows.stop - start, d), dtype=np.float32))
            about = topics[draws.integers(len(topics), size=len(noise))]
            written[rows] = noise if even else unit(about + noise)
        for start in range(0, n_copies, PIECE):
            rows = np.arange(start, min(start + PIECE, n_copies))
            noise = unit(draws.standard_normal((len(rows), d), dtype=np.float32))
            written[n - n_copies + rows] = LIKENESS * written[rows] + (1 - LIKENESS**2) ** 0.5 * noise
        written.flush()
    return np.load(path, mmap_mode="r")


def texts(n: int) -> csr_array:
    """Return tf-idf of bags of words, whose frequencies are those of Zipf; the last tenth are near-duplicates."""
    draws, n_copies = np.random.default_rng(0), int(PLANTED * n)
    frequencies = 1 / np.arange(1, N_WORDS + 1)
    words = draws.choice(N_WORDS, (n, WORDS_A_TEXT), p=frequencies / frequencies.sum())
    copies = words[:n_copies].copy()
    changed = draws.uniform(size=copies.shape) < CHANGED
    copies[changed] = draws.choice(N_WORDS, int(changed.sum()), p=frequencies / frequencies.sum())
    words[n - n_copies :] = copies
    rows = np.repeat(np.arange(n), WORDS_A_TEXT)
    counts = csr_array((np.ones(words.size, np.float32), (rows, words.ravel())), shape=(n, N_WORDS))
    counts.sum_duplicates()
    return csr_array(TfidfTransformer().fit_transform(counts))


def first_of(neighbors: np.ndarray, cosines: np.ndarray) -> np.ndarray:
    """Return the rows that are kept, from the first to the last, given the neighbours of each."""
    kept = np.ones(len(neighbors), dtype=bool)
    alike = (cosines > BOUND) & (neighbors >= 0) & (neighbors < np.arange(len(neighbors))[:, None])
    for row in np.flatnonzero(alike.any(axis=1)):
        kept[row] = not kept[neighbors[row][alike[row]]].any()
    return np.flatnonzero(kept)


def by_condenser(X: Any, **given: Any) -> np.ndarray:
    """Return the rows that skdc keeps."""
    return SemanticDeduplication(random_state=0, max_similarity=BOUND, n_jobs=1, **given).fit(X).indices_


def by_pairs(X: Any) -> np.ndarray:
    """Return the rows that are kept by the cosines of all pairs."""
    sparse = isinstance(X, csr_array)
    rows = X if sparse else unit(np.asarray(X))
    kept = np.ones(X.shape[0], dtype=bool)
    for start in range(0, X.shape[0], 2000):
        products = rows[start : start + 2000] @ rows[: start + 2000].T
        products = products.tocoo() if sparse else products
        alike = products.data > BOUND if sparse else products > BOUND
        ones, others = (products.row[alike], products.col[alike]) if sparse else np.nonzero(alike)
        ones = ones + start
        earlier = others < ones
        order = np.argsort(ones[earlier], kind="stable")
        for one, other in zip(ones[earlier][order], others[earlier][order], strict=True):
            kept[one] &= not kept[other]
    return np.flatnonzero(kept)


def by_hnswlib(X: np.ndarray) -> np.ndarray:
    """Return the rows that are kept by the neighbours of hnswlib."""
    import hnswlib

    index = hnswlib.Index(space="cosine", dim=X.shape[1])
    index.init_index(len(X), ef_construction=100, M=16, random_seed=0)
    pieces = [slice(start, start + PIECE) for start in range(0, len(X), PIECE)]
    for rows in pieces:
        index.add_items(X[rows].astype(np.float32), np.arange(len(X))[rows], num_threads=1)
    index.set_ef(50)
    found = [index.knn_query(X[rows].astype(np.float32), N_NEIGHBORS, num_threads=1) for rows in pieces]
    return first_of(np.concatenate([f[0] for f in found]).astype(np.int64), 1 - np.concatenate([f[1] for f in found]))


def by_faiss(X: np.ndarray) -> np.ndarray:
    """Return the rows that are kept by the neighbours of faiss, of the eight nearest of sqrt(n) cells."""
    import faiss

    faiss.omp_set_num_threads(1)
    n_cells = int(len(X) ** 0.5)
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(X.shape[1]), X.shape[1], n_cells, faiss.METRIC_INNER_PRODUCT)
    index.train(unit(X[:: max(1, len(X) // (64 * n_cells))]))
    pieces = [slice(start, start + PIECE) for start in range(0, len(X), PIECE)]
    for rows in pieces:
        index.add(unit(X[rows]))
    index.nprobe = 8
    found = [index.search(unit(X[rows]), N_NEIGHBORS) for rows in pieces]
    return first_of(np.concatenate([f[1] for f in found]), np.concatenate([f[0] for f in found]))


def by_pynndescent(X: Any) -> np.ndarray:
    """Return the rows that are kept by the neighbours of pynndescent."""
    from pynndescent import NNDescent

    rows = X if isinstance(X, csr_array) else np.asarray(X, dtype=np.float32)
    neighbors, distances = NNDescent(
        rows, metric="cosine", n_neighbors=N_NEIGHBORS, random_state=0, n_jobs=1
    ).neighbor_graph
    return first_of(neighbors.astype(np.int64), 1 - distances)


def by_semhash(X: np.ndarray) -> np.ndarray:
    """Return the rows that are kept by semhash, whose index is that of usearch."""
    from semhash import SemHash

    class NoModel:
        def encode(self, records: Any, **how: Any) -> Any:
            raise NotImplementedError("the embeddings are given")

    records = [str(row) for row in range(len(X))]
    index = SemHash.from_embeddings(np.asarray(X, dtype=np.float32), records, NoModel())
    return np.array([int(record) for record in index.self_deduplicate(BOUND).selected])


WAYS: dict[str, Callable[[Any], np.ndarray]] = {
    SKDC: by_condenser,
    THOROUGH: lambda X: by_condenser(X, overlap=1.0),
    EXACT: by_pairs,
    "hnswlib": by_hnswlib,
    "faiss": by_faiss,
    "pynndescent": by_pynndescent,
    "semhash": by_semhash,
}
OF_WORDS = SKDC, THOROUGH, EXACT, "pynndescent"
PACKAGES = {"hnswlib": "hnswlib", "faiss": "faiss", "pynndescent": "pynndescent", "semhash": "semhash"}


def anonymous() -> float:
    """Return the memory of this process that no file is mapped to, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) / 1024


def measured(way: str, X: Any) -> Callable[[], Any]:
    """Return a call that returns the seconds of the processor, the highest memory above that before, and the rows."""
    if way in PACKAGES:
        __import__(PACKAGES[way])
    if way == "pynndescent":
        by_pynndescent(X[:500])  # which compiles it

    def call() -> tuple[float, float, np.ndarray]:
        before, highest, done = anonymous(), [0.0], threading.Event()

        def watch() -> None:
            while not done.wait(0.02):
                highest[0] = max(highest[0], anonymous() - before)

        watcher = threading.Thread(target=watch)
        watcher.start()
        start = time.process_time()
        try:
            kept = WAYS[way](X)
        finally:
            done.set()
            watcher.join()
        return time.process_time() - start, highest[0], kept

    return call


def of_embeddings(way: str, *where: Any) -> Callable[[], Any]:
    """Return a call for embeddings."""
    return measured(way, embeddings(*where))


def of_words(way: str, n: int) -> Callable[[], Any]:
    """Return a call for texts."""
    return measured(way, texts(n))


def judged(X: Any, kept: np.ndarray) -> dict[str, float]:
    """Return of how many near copies the copy or the row is left out, and the share of others that are left out."""
    n, n_copies = X.shape[0], int(PLANTED * X.shape[0])
    there = np.zeros(n, dtype=bool)
    there[kept] = True
    pieces = np.array_split(np.arange(n_copies), 100)
    near = np.concatenate([_cosines(X[rows], X[n - n_copies + rows]) > BOUND for rows in pieces])
    both = (there[:n_copies] & there[n - n_copies :])[near]
    lost = np.flatnonzero(~there[: n - n_copies])
    alone = lost[(lost >= n_copies) | ~there[n - n_copies + np.minimum(lost, n_copies - 1)]]
    return {"recall": 1 - both.mean(), "others": len(alone) / (n - n_copies)}


def _cosines(X: Any, Z: Any) -> np.ndarray:
    """Return the cosine of each row with that of another set."""
    if isinstance(X, csr_array):
        return X.multiply(Z).sum(axis=1)  # of norm one
    return (unit(X) * unit(Z)).sum(axis=1)


def finds(
    sizes: list[tuple[int, int]], wanted: list[str], even: bool, folder: Path, done: set[tuple[Any, ...]]
) -> Iterator[dict[str, Any]]:
    """Yield what each way finds among embeddings, and what it takes."""
    failed: set[tuple[str, int]] = set()
    for n, d in sizes:
        X = embeddings(folder, n, d, even)
        for way in wanted:
            if (n, d, way, even) in done or (way, d) in failed or (way == EXACT and n * d > 1.1e8):
                continue
            found = apart_within(MINUTES, GIBIBYTES, 1, of_embeddings, way, folder, n, d, even)
            yield _line({"n": n, "d": d, "way": way, "even": even}, found, X)
            if isinstance(found, str):
                failed.add((way, d))


def words(sizes: list[int], done: set[tuple[Any, ...]]) -> Iterator[dict[str, Any]]:
    """Yield what each way finds among texts, and what it takes."""
    for n in sizes:
        X = texts(n)
        for way in OF_WORDS:
            if (n, N_WORDS, way, False) not in done:
                found = apart_within(MINUTES, GIBIBYTES, 1, of_words, way, n)
                yield _line({"n": n, "d": N_WORDS, "way": way, "even": False}, found, X)


def _line(line: dict[str, Any], found: Any, X: Any) -> dict[str, Any]:
    if isinstance(found, str):
        return line | {"why": found}
    seconds, mebibytes, kept = found[2]
    return line | {"s": seconds, "MiB": mebibytes, "kept": len(kept)} | judged(X, kept)


def covers(folder: Path, done: set[tuple[Any, ...]]) -> Iterator[dict[str, Any]]:
    """Yield how near all rows are to those that are chosen."""
    for n, size in ((10_000, 100), (10_000, 1000), (100_000, 1000)):
        X = embeddings(folder, n, 300)
        for condenser in (RandomSubset(), KCenter(), SemanticDeduplication()):
            way = type(condenser).__name__
            if (n, size, way, False) in done:
                continue
            start = time.process_time()
            rows = condenser.set_params(n_samples=size, random_state=0, n_jobs=1).fit(X).indices_
            seconds, chosen = time.process_time() - start, unit(X[rows])
            best = np.concatenate([(unit(X[i : i + PIECE]) @ chosen.T).max(axis=1) for i in range(0, n, PIECE)])
            twice = size - len(by_pairs(X[np.sort(rows)]))
            line = {"n": n, "m": size, "way": way, "s": seconds, "twice": twice}
            yield line | {"mean": float(best.mean()), "fifth": float(np.quantile(best, 0.05))}


def print_tables(lines: list[dict[str, Any]]) -> None:
    """Print what is found, and what is covered."""
    print("| rows | columns | way | CPU s | MiB | copies found | others left out | kept |\n" + "|---" * 8 + "|")
    found = [line for line in lines if "d" in line]
    for line in sorted(found, key=lambda line: (line["even"], line["d"], line["n"])):
        head = f"| {line['n']:,}{', no topics' * line['even']} | {line['d']:,} | {line['way']} |"
        if "why" in line:
            print(head, line["why"], "| | | | |")
            continue
        shares = f"{line['recall']:.2%} | {line['others']:.2%}"
        print(head, f"{line['s']:.1f} | {line['MiB']:.0f} | {shares} | {line['kept']:,} |")
    print(
        "\n| rows | chosen | way | CPU s | near-duplicates | mean cosine | of the fifth percentile |\n"
        + "|---" * 7
        + "|"
    )
    for line in (line for line in lines if "m" in line):
        cosines = f"{line['mean']:.3f} | {line['fifth']:.3f}"
        print(f"| {line['n']:,} | {line['m']:,} | {line['way']} | {line['s']:.1f} | {line['twice']} | {cosines} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["find", "words", "cover", "print"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--folder", type=Path, default=Path())
    parser.add_argument("--rows", nargs="+", type=int, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--columns", nargs="+", type=int, default=[300, 1024, 4096])
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--even", action="store_true", help="embeddings without topics")
    given = parser.parse_args()
    lines = [json.loads(line) for line in given.file.read_text().splitlines()] if given.file.exists() else []
    if given.what == "print":
        print_tables(lines)
        return
    done = {(line["n"], line.get("d", line.get("m")), line["way"], line.get("even", False)) for line in lines}
    if given.what == "find":
        sizes = [(n, d) for n, d in SIZES if n in given.rows and d in given.columns]
        records = finds(sizes, given.ways, given.even, given.folder, done)
    elif given.what == "words":
        records = words([n for n in (10_000, 100_000) if n in given.rows], done)
    else:
        records = covers(given.folder, done)
    for record in records:
        with given.file.open("a") as file:
            print(json.dumps(record), file=file, flush=True)


if __name__ == "__main__":
    main()
