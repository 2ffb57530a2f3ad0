"""Figures as people read them: money, prices, lengths, ages, durations. Nothing here rounds money for further sums."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from tui.core.conversation import Cost, CostKind
from tui.openrouter.text import Clean

UNKNOWN = Clean("–")
MILLION = Decimal(1_000_000)


def plain(amount: Decimal) -> str:
    """The amount without exponent and without trailing zeros, for JSON and CSV: `0.00000045`, never `4.5E-7`."""
    text = f"{amount:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def money(usd: Decimal | None) -> Clean:
    """USD with as many digits as matter: `$0.00412`, `$4.21`, `$1,204`; `–` when unknown."""
    if usd is None:
        return UNKNOWN
    sign, size = ("-", -usd) if usd < 0 else ("", usd)
    if size == 0:
        return Clean("$0")
    if size >= 1000:
        return Clean(f"{sign}${size.quantize(Decimal(1), ROUND_HALF_EVEN):,f}")
    if size >= Decimal("0.995"):
        return Clean(f"{sign}${size.quantize(Decimal('0.01'), ROUND_HALF_EVEN):f}")
    # Three significant digits, but never fewer than two places: $0.41, $0.0412, $0.00000712.
    places = max(2, 2 - size.adjusted())
    text = f"{size.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN):f}".rstrip("0")
    whole, _, part = text.partition(".")
    return Clean(f"{sign}${whole}.{part.ljust(2, '0')}")


def cost(value: Cost) -> Clean:
    """A cost with its label: `$0.0041` billed, `~$0.0041` estimated, `–` unknown."""
    if value.usd is None:
        return UNKNOWN
    return Clean(f"~{money(value.usd)}") if value.kind is CostKind.ESTIMATED else money(value.usd)


def per_million(price: Decimal | None) -> Clean:
    """A price per token as USD per million tokens with two to four places: `0.25`, `15.00`, `0.0375`; 0 is `free`."""
    if price is None:
        return UNKNOWN
    if price == 0:
        return Clean("free")
    value = price * MILLION
    if value >= 10_000:
        return count(int(value))
    text = f"{value.quantize(Decimal('0.0001'), ROUND_HALF_EVEN):f}".rstrip("0")
    whole, _, part = text.partition(".")
    if whole == "0" and not part:
        return Clean("<0.0001")
    return Clean(f"{whole}.{part.ljust(2, '0')}")


def count(number: int | None) -> Clean:
    """A whole number with its thousands apart: `1,204`."""
    return UNKNOWN if number is None else Clean(f"{number:,}")


def length(tokens: int | None) -> Clean:
    """A context length: `512`, `8k`, `131k`, `1M`, `1.05M`."""
    if tokens is None:
        return UNKNOWN
    if tokens < 1000:
        return Clean(str(tokens))
    if tokens < 999_500:
        return Clean(f"{(tokens + 500) // 1000}k")
    text = f"{tokens / 1_000_000:.2f}".rstrip("0").rstrip(".")
    return Clean(f"{text}M")


def short_count(number: int) -> Clean:
    """A count in little room: `950`, `2.1k`, `34k`, `1.2M`."""
    for limit, divisor, unit in ((1_000, 1, ""), (1_000_000, 1_000, "k"), (10**15, 1_000_000, "M")):
        if number < limit:
            value = number / divisor
            return Clean(f"{value:.1f}{unit}" if divisor > 1 and value < 9.95 else f"{value:.0f}{unit}")
    return Clean("∞")


def file_size(size: int) -> Clean:
    """Bytes as people say them: `812 B`, `12 kB`, `1.4 MB`."""
    if size < 1_000:
        return Clean(f"{size} B")
    if size < 999_500:
        return Clean(f"{size / 1_000:.0f} kB")
    return Clean(f"{size / 1_000_000:.1f} MB".replace(".0 MB", " MB"))


def age(created: float | None, now: float) -> Clean:
    """How long ago: `now`, `12m`, `5h`, `6d`, `3mo`, `2y`."""
    if created is None:
        return UNKNOWN
    days = (now - created) / 86_400
    if days * 1440 < 1:
        return Clean("now")
    if days * 24 < 1:
        return Clean(f"{int(days * 1440)}m")
    if days < 1:
        return Clean(f"{int(days * 24)}h")
    if days < 31:
        return Clean(f"{int(days)}d")
    if days < 730:
        return Clean(f"{int(days / 30.44)}mo")
    return Clean(f"{int(days / 365.25)}y")


def duration(seconds: float) -> Clean:
    """A span of time: `0.6 s`, `12 s`, `4 min`, `4 h 12 m`, `9 d`."""
    if seconds < 9.95:
        return Clean(f"{max(0.0, seconds):.1f} s")
    if seconds < 120:
        return Clean(f"{seconds:.0f} s")
    minutes = int(seconds // 60)
    if minutes < 60:
        return Clean(f"{minutes} min")
    if minutes < 48 * 60:
        return Clean(f"{minutes // 60} h {minutes % 60} m")
    return Clean(f"{minutes // 1440} d")


def short_duration(seconds: float) -> Clean:
    """A countdown in little room: `45s`, `12m`, `4h`, `9d`."""
    for limit, divisor, unit in ((90, 1, "s"), (5_400, 60, "m"), (172_800, 3_600, "h")):
        if seconds < limit:
            return Clean(f"{max(0, int(seconds)) // divisor}{unit}")
    return Clean(f"{int(seconds // 86_400)}d")


def clock(at: float) -> Clean:
    """Hour and minute in local time: `14:02`."""
    return Clean(datetime.fromtimestamp(at, UTC).astimezone().strftime("%H:%M"))


def day_utc(at: float) -> str:
    """The UTC day as `YYYY-MM-DD`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")


def bar(fraction: float, width: int) -> Clean:
    """A bar of `width` cells, in eighths of a cell: `███▌░░`."""
    eighths = round(max(0.0, min(1.0, fraction)) * width * 8)
    full, rest = divmod(eighths, 8)
    partial = "▏▎▍▌▋▊▉"[rest - 1] if rest else ""
    return Clean(("█" * full + partial).ljust(width, "░"))
