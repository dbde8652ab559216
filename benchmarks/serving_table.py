"""How `serving.py` prints what it has measured."""

from __future__ import annotations

from typing import Any


def line(record: dict[str, Any]) -> str:
    """A record as the table shows it."""
    if "sent" not in record:
        return f"  {record['case']:<16}{record['contender']:<13}below {record['failed_at']:,} requests a second"
    text = (
        f"  {record['case']:<16}{record['contender']:<13}{record['rate_asked']:>7,.0f}/s {record['failed']:>5} failed, "
        f"p50 {record['p50_ms']:7.2f}, p99 {record['p99_ms']:7.2f}, p99.9 {record['p999_ms']:7.2f}, "
        f"most {record['max_ms']:7.1f} ms"
    )
    if "cpu_ms_a_request" in record:
        text += f"; {record['cpu_ms_a_request']:.3f} ms of processor each"
    if "anonymous_mb_last" in record:
        text += (
            f"; anonymous {record['anonymous_mb_quarter']:.1f} → {record['anonymous_mb_last']:.1f} MB "
            f"({record['anonymous_mb_a_minute']:+.2f} a minute), resident {record['resident_mb_last']:.0f} MB"
        )
    if "changes" in record:
        text += (
            f"; {record['changes']} changes, {record['versions_seen']} versions, {record['wrong_versions']} strange, "
            f"{record['witness_wrong']} of {record['witness_answers']} wrong"
        )
    return text
