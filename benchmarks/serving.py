"""How fast `clickprompt serve` answers, and what it loses: an open loop of requests at fixed rates over the loopback.

    python benchmarks/serving.py [--quick] [--json FILE] [--bundle FOLDER] [--cases NAME ...] [--minutes 10]

Contenders: `clickprompt`, this library's server as it comes; `fastapi`, `Predictor` behind plain FastAPI, as people
write it themselves; `constant`, an ASGI function on the same uvicorn that reads the body and answers the same bytes:
what HTTP alone costs in Python. Each runs alone on the machine, beside the load generator, which takes a share of the
cores as well. Latency runs from when a request was due (see `open_loop.py`). `highest rate` climbs by a fifth
(`--quick`: doubles) until p99 exceeds 10 ms or a request fails, twice in turn; `soak` asks at 80 % of that rate,
arrivals at random. In `swaps` a new version comes whenever the one before is answered from (it is exported on the same
cores, at a lower priority), in `restarts` the server is told to start anew; a second client holds each answer against
the version that it names.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from open_loop import OpenLoop, answer_of, write_bodies
from serving_changes import Witness, keep_changing, prepare_versions, put_version
from serving_process import Server, Weighing
from serving_rows import Rows, make_bundle
from serving_table import line

MOST_P99_MS = 10.0
CASES = ("single row v1", "single row v2", "500 candidates", "highest rate", "soak", "swaps", "restarts")
CONTENDERS = ("clickprompt", "fastapi", "constant")


@dataclass
class Bench:
    """What every case needs."""

    folder: Path
    bundle: Path
    loop: OpenLoop
    seconds: float
    minutes: float
    bodies: dict[str, Path]
    body: dict[str, Any]
    """One request of one row."""
    options: tuple[str, ...]
    """For `clickprompt serve`."""
    highest: float = 1_000.0
    """Requests a second that `soak` takes 80 % of."""
    quick: bool = False
    """Larger steps to the highest rate."""

    def server(self, contender: str, path: Path | None = None) -> Server:
        """Start one; its log stays in the folder."""
        options = self.options if contender == "clickprompt" else ()
        return Server(contender, self.folder / f"{contender}.log", path or self.bundle, options)

    def ask(self, server: Server, bodies: str, rate: float, seconds: float, **options: Any) -> dict[str, Any]:
        """A steady rate for a while; with the server's processor time a request, warm-up included."""
        path = "/v1/score"
        if bodies == "v2":
            path = f"/v2/models/{server.get('/v1/models')[1]['models'][0]['name']}/infer"
        cpu, warm_up = server.cpu_seconds(), min(2.0, seconds / 4)
        result = self.loop.run(
            server.port, path, self.bodies[bodies], rate=rate, seconds=seconds, warm_up=warm_up, **options
        )
        requests = (seconds + warm_up) * rate
        return {"rate_asked": rate, **result, "cpu_ms_a_request": (server.cpu_seconds() - cpu) / requests * 1000}


def steady(bench: Bench, contender: str, bodies: str, rate: float) -> dict[str, Any]:
    """A fixed rate."""
    with bench.server(contender) as server:
        return {"seconds_to_ready": server.seconds_to_ready, **bench.ask(server, bodies, rate, bench.seconds)}


def highest_rate(bench: Bench, contender: str) -> dict[str, Any]:
    """Climb from 50 requests a second; the last step that held, and the one that did not."""
    held: dict[str, Any] = {}
    rate, misses, growth = 50.0, 0, 2.0 if bench.quick else 1.2
    with bench.server(contender) as server:
        while misses < 2:
            result = bench.ask(server, "v1", round(rate), max(1.0, bench.seconds / 4))
            if result["failed"] == 0 and result["p99_ms"] < MOST_P99_MS:
                held, misses, rate = result, 0, rate * growth
            else:
                misses += 1
    if contender == "clickprompt" and held:
        bench.highest = held["rate_asked"]
    return {**held, "failed_at": round(rate)}


def soak(bench: Bench, contender: str) -> dict[str, Any]:
    """Minutes at 80 % of the highest rate, with arrivals as they come in life, and memory."""
    with bench.server(contender) as server:
        bench.ask(server, "v1", bench.highest * 0.8, 2)
        weighing = Weighing(server)
        result = bench.ask(server, "mixed", bench.highest * 0.8, bench.minutes * 60, poisson=True)
        return {**result, **weighing.close()}


def changes(bench: Bench, contender: str, case: str) -> dict[str, Any]:
    """Versions swapped, or the serving process replaced, under load: as many as there is time for."""
    rate, seconds = 200.0, max(3 * bench.seconds, 10.0)
    prepared, served = bench.folder / f"{case}-prepared", bench.folder / f"{case}-served"
    expected = prepare_versions(bench.bundle, prepared, int(seconds / 3) + 2 if case == "swaps" else 1, bench.body)
    put_version(prepared, served, 1)
    with bench.server(contender, served) as server:
        witness = Witness(server, bench.body, expected)
        load = bench.loop.start(
            server.port, "/v1/score", bench.bodies["v1"], rate=rate, seconds=seconds, tally="version", series=True
        )
        until = time.monotonic() + seconds - 2
        if case == "swaps":
            count = keep_changing(
                lambda turn: put_version(prepared, served, turn + 2), lambda turn: str(turn + 2) in witness.seen, until
            )
        else:
            count = keep_changing(lambda _: server.restart(), lambda turn: server.starts() > turn + 1, until)
        result = answer_of(load)
        witness.close()
    return {
        "rate_asked": rate,
        **result,
        "changes": count,
        "versions_seen": len(result["tally"]),
        "wrong_versions": sum(times for version, times in result["tally"].items() if version not in expected),
        "witness_answers": sum(witness.seen.values()),
        "witness_wrong": len(witness.wrong),
        "witness_first_wrong": witness.wrong[:1],
    }


def measure(bench: Bench, case: str, contender: str) -> dict[str, Any]:
    """One case of one contender."""
    if case == "500 candidates":
        return steady(bench, contender, "candidates", 20)
    if case.startswith("single row"):
        return steady(bench, contender, case.rsplit(maxsplit=1)[-1], 1_000)
    if case == "highest rate":
        return highest_rate(bench, contender)
    return soak(bench, contender) if case == "soak" else changes(bench, contender, case)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a second of each, no swaps or restarts: a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the records to a file")
    parser.add_argument("--bundle", type=Path, help="what to serve; one of usual size is trained where not given")
    parser.add_argument("--cases", nargs="+", choices=CASES)
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS)
    parser.add_argument("--seconds", type=float, help="of each fixed rate")
    parser.add_argument("--minutes", type=float, help="of the soak")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument(
        "--highest", type=float, default=1_000.0, help="the soak's rate where `highest rate` is not asked"
    )
    parser.add_argument("--serve", nargs="*", default=[], metavar="OPTION", help="for clickprompt serve: threads=1 …")
    options = parser.parse_args()
    records: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        bundle = options.bundle or make_bundle(folder, options.quick)
        rows = Rows(bundle)
        bodies = {
            "v1": rows.score_bodies(1_000, 1),
            "v2": rows.infer_bodies(1_000),
            "candidates": rows.score_bodies(40, 500),
            "mixed": [body for i in range(500) for body in rows.score_bodies(1, 20 if i % 10 == 9 else 1)],
        }
        bench = Bench(
            folder=folder,
            bundle=bundle,
            loop=OpenLoop(folder),
            seconds=options.seconds or (1 if options.quick else 20),
            minutes=options.minutes or (0.05 if options.quick else 10),
            bodies={name: write_bodies(folder / f"{name}.jsonl", some) for name, some in bodies.items()},
            body=bodies["v1"][0],
            options=tuple(f"--{option}" for option in options.serve),
            highest=options.highest,
            quick=options.quick,
        )
        contenders = options.contenders or [c for c in CONTENDERS if c != "fastapi" or not options.quick]
        for case in options.cases or (CASES[:-2] if options.quick else CASES):
            for contender in contenders:
                if contender != "clickprompt" and case in ("single row v2", "soak", "swaps", "restarts"):
                    continue
                for _ in range(options.repeats):
                    record = {"case": case, "contender": contender, **measure(bench, case, contender)}
                    records.append(record)
                    print(line(record), flush=True)
                    if options.json:
                        options.json.write_text(json.dumps(records, indent=2) + "\n")


if __name__ == "__main__":
    main()
