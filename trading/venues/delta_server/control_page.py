"""The control page: what the venue knows, and the faults one can put in force. Server-rendered, without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from trading.venues.delta_server.faults import WireFault
from trading.venues.delta_server.formats import iso
from trading.venues.delta_server.wire import Json

_NEWEST = 50
_SHELL = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Delta simulator</title><link rel="stylesheet" href="/_control/control.css"></head>
<body>
<header class="bar"><strong>Delta simulator</strong><span class="chip">simulated venue</span>
<span class="right">{clock}</span></header>
<main>
<section class="panel"><h2>Account</h2><p class="hero">{cash}<small> USD cash</small></p>
<p class="dim">{counts}</p></section>
<section class="panel"><h2>Faults in force</h2>{faults}{forms}</section>
<section class="panel wide"><h2>Positions</h2>{positions}</section>
<section class="panel wide"><h2>Orders, newest first</h2>{orders}</section>
<section class="panel wide"><h2>Fills, newest first</h2>{fills}</section>
</main></body></html>
"""
_FORMS = """<form method="post" action="/_control/faults">
<label for="text">Put in force</label>
<input id="text" name="text" required list="known" placeholder="timeout_after:count=1,side=sell" autocomplete="off">
<datalist id="known">{options}</datalist><button>Inject</button></form>
<form method="post" action="/_control/faults/lift"><button>Lift all faults</button></form>
<form method="post" action="/_control/disconnect"><button name="socket" value="public">Cut public sockets</button>
<button name="socket" value="private">Cut private sockets</button></form>
<form method="post" action="/_control/clock"><label for="advance">Advance the venue by seconds</label>
<input id="advance" name="advance" type="number" min="1" value="60"><button>Advance</button></form>
"""


def page(truth: Json, clock: Json, faults: Sequence[Json], sockets: int) -> str:
    """The whole page as HTML."""
    orders, fills, positions = truth["orders"], truth["fills"], truth["positions"]
    told = f"Venue {clock['venue_time'][:19]}Z · speed {clock['speed']:g} · skew {clock['skew_seconds']:+g} s"
    counts = f"{len(orders)} orders · {len(fills)} fills · {len(positions)} positions · {sockets} sockets"
    return _SHELL.format(
        clock=escape(told),
        cash=escape(str(truth["cash"])),
        counts=escape(counts),
        faults=table(("number", "name", "left", "struck", "aimed at"), [_fault(row) for row in faults], "None."),
        forms=_FORMS.format(options="".join(f'<option value="{name.value}">' for name in WireFault)),
        positions=_rows(positions, ("symbol", "size", "entry_price", "realized"), "Flat."),
        orders=_rows(
            orders[::-1],
            ("id", "client_order_id", "symbol", "side", "size", "unfilled", "limit_price", "state", "reason"),
            "No orders yet.",
        ),
        fills=_rows(
            [{**row, "at": iso(row["at"])[:19]} for row in fills[::-1][:_NEWEST]],
            ("at", "id", "symbol", "side", "size", "price", "commission", "role", "fill_type"),
            "No fills yet.",
        ),
    )


def _fault(row: Json) -> Sequence[object]:
    known = ("number", "name", "left", "struck")
    aims = ", ".join(f"{key}={value}" for key, value in row.items() if key not in known)
    left = "always" if row["left"] is None else row["left"]
    return row["number"], row["name"], left, row["struck"], aims


def _rows(rows: Sequence[Json], names: Sequence[str], empty: str) -> str:
    cells = [[row[name] for name in names] for row in rows[:_NEWEST]]
    return table([name.replace("_", " ") for name in names], cells, empty)


def table(heads: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> str:
    """An HTML table, or a sentence when there are no rows."""
    if not rows:
        return f'<p class="dim">{escape(empty)}</p>'
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(value: object) -> str:
    return "–" if value is None or value == "" else escape(str(value))
