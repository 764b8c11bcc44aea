"""The public socket: acknowledgements, cadences, and frames with their exact keys and array orders."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from zlib import crc32

import pytest

from trading.venues.delta_server.config import ServerConfig
from trading.venues.delta_server.frames import checksum
from trading.venues.delta_server.tests.support import KEY, SECRET, Bench, Json, Socket, make_bench
from trading.venues.simulated.prints import popularity


def public(bench: Bench) -> Socket:
    """A public socket."""
    return Socket(bench, "/public")


async def test_it_acknowledges_with_the_channels_and_symbols(bench: Bench) -> None:
    async with public(bench) as socket:
        entry = await socket.subscribe("ob_l1", bench.call.symbol)
        assert entry == {"name": "ob_l1", "symbols": [bench.call.symbol]}
        assert await socket.subscribe("product_updates") == {"name": "product_updates"}


@pytest.mark.parametrize(
    ("channel", "symbols", "word"),
    [
        ("nonsense", (), "invalid channel"),
        ("orders", ("all",), "Unauthorized"),
        ("ob_l1", ("C-BTC-1-010101",), "invalid symbols"),
        ("spot_price", ("all",), "invalid symbols"),
        ("ob_l2", ("call_options",), "product symbols"),
    ],
)
async def test_a_refusal_is_an_error_in_the_acknowledgement(
    bench: Bench, channel: str, symbols: tuple[str, ...], word: str
) -> None:
    async with public(bench) as socket:
        entry = await socket.subscribe(channel, *symbols)
        assert word in entry["error"]
        assert socket.close_code is None


async def test_marks_need_their_prefix_and_books_come_one_at_a_time(bench: Bench) -> None:
    async with public(bench) as socket:
        assert "error" in await socket.subscribe("mark_price", bench.call.symbol)
        assert "error" in await socket.subscribe("ob_l2", bench.call.symbol, bench.put.symbol)
        assert "error" not in await socket.subscribe("ob_l2", bench.call.symbol)


async def test_at_most_a_hundred_books_a_connection(bench: Bench) -> None:
    symbols = [item.symbol for item in bench.server.catalogue.live()[:101]]
    async with public(bench) as socket:
        assert "error" in await socket.subscribe("ob_updates", *symbols)
        assert "error" not in await socket.subscribe("ob_updates", *symbols[:100])
        assert "error" in await socket.subscribe("ob_updates", symbols[100])


@pytest.mark.parametrize(
    "message",
    [
        {"type": "subscribe", "payload": {"channels": [{"name": "ob_l1", "symbols": 5}]}},
        {"type": "subscribe", "payload": ["ob_l1"]},
        {"type": "unsubscribe", "payload": "ob_l1"},
        {"type": "key-auth", "payload": [1]},
        {"payload": {}},
        "not even JSON",
    ],
)
@pytest.mark.parametrize("path", ["/public", "/private"])
async def test_nonsense_is_answered_and_the_socket_stays_open(bench: Bench, path: str, message: Json | str) -> None:
    async with Socket(bench, path) as socket:
        await socket.say(message)
        await socket.say({"type": "ping"})
        assert socket.of("pong")
        assert len(socket.frames) == 2


async def test_without_symbols_there_is_silence(bench: Bench) -> None:
    async with public(bench) as socket:
        await socket.subscribe("ob_l1")
        await socket.step(10)
        assert socket.of("ob_l1") == []


async def test_the_top_of_the_book_comes_on_change_and_every_five_seconds(bench: Bench) -> None:
    async with public(bench) as socket:
        await socket.subscribe("ob_l1", bench.call.symbol)
        await socket.step()
        (frame,) = socket.take("ob_l1")
        bid, ask = bench.quote(bench.call)
        assert list(frame) == ["type", "sy", "ap", "as", "bp", "bs", "lts", "ts"]
        assert (Decimal(frame["ap"]), Decimal(frame["bp"])) == (ask, bid)
        bench.time.pass_(1)
        await socket.step()
        assert socket.of("ob_l1") == []
        bench.time.pass_(4)
        await socket.step()
        assert len(socket.take("ob_l1")) == 1
        await socket.step(20)
        assert len(socket.of("ob_l1")) == 1


async def test_a_chain_token_stands_for_every_option_of_that_expiry(bench: Bench) -> None:
    async with public(bench) as socket:
        await socket.subscribe("ob_l1", "BTC-040926")
        await socket.step()
        told = {frame["sy"] for frame in socket.of("ob_l1")}
        near = {item.symbol for item in bench.server.catalogue.live() if item.settlement_at == bench.call.settlement_at}
        assert told == {symbol for symbol in near if symbol.split("-")[1] == "BTC"}


async def test_the_tickers_arrays_are_in_the_documented_order(bench: Bench) -> None:
    async with public(bench) as socket:
        await socket.subscribe("ticker", bench.call.symbol)
        await socket.step()
        (frame,) = socket.of("ticker")
        rest = await bench.read(f"/v2/tickers/{bench.call.symbol}")
        (row,) = frame["d"]
        quotes, wire = rest["quotes"], rest["greeks"]
        assert (row["s"], row["i"], row["m"]) == (bench.call.symbol, bench.call.product_id, rest["mark_price"])
        assert row["q"] == [quotes["best_ask"], quotes["ask_size"], quotes["best_bid"], quotes["bid_size"], None]
        assert row["qiv"] == [quotes["ask_iv"], quotes["bid_iv"], quotes["mark_iv"]]
        assert row["g"] == [wire[name] for name in ("delta", "gamma", "rho", "theta", "vega")]
        assert row["oi"][0] == rest["oi_contracts"]
        assert frame["sp"] == rest["spot_price"]


async def test_tickers_come_every_five_seconds_and_marks_every_two(bench: Bench) -> None:
    async with public(bench) as socket:
        await socket.subscribe("ticker", bench.call.symbol)
        await socket.subscribe("mark_price", f"MARK:{bench.call.symbol}")
        await socket.step()
        socket.take("ticker")
        socket.take("mark_price")
        for _ in range(10):
            await socket.step(1)
        assert len(socket.of("ticker")) == 2
        marks = socket.of("mark_price")
        assert len(marks) == 5
        assert set(marks[0]) == {"type", "sy", "p", "ts"}
        assert marks[0]["sy"] == f"MARK:{bench.call.symbol}"


async def test_the_full_book_agrees_with_rest(bench: Bench) -> None:
    async with public(bench) as socket:
        await socket.subscribe("ob_l2", bench.call.symbol)
        await socket.step()
        (frame,) = socket.of("ob_l2")
        book = await bench.read(f"/v2/l2orderbook/{bench.call.symbol}")
        assert frame["a"] == [[level["price"], str(level["size"])] for level in book["sell"]]
        assert frame["b"] == [[level["price"], str(level["size"])] for level in book["buy"]]


def applied(side: list[list[str]], changed: list[list[str]], *, rising: bool) -> list[list[str]]:
    """A side of a book after a change, as a client keeps it."""
    levels = {price: size for price, size in [*side, *changed]}  # noqa: C416
    left = [[price, size] for price, size in levels.items() if size != "0"]
    return sorted(left, key=lambda level: Decimal(level[0]), reverse=not rising)


async def test_book_updates_rebuild_the_book_with_sequence_and_checksum(bench: Bench) -> None:
    async with public(bench) as socket:
        await socket.subscribe("ob_updates", bench.call.symbol)
        for _ in range(30):
            await socket.step(1)
        first, *updates = socket.of("ob_updates")
        assert (first["action"], {frame["action"] for frame in updates}) == ("snapshot", {"update"})
        asks, bids, sequence = first["a"], first["b"], first["seq"]
        for frame in updates:
            assert frame["seq"] == sequence + 1
            asks, bids = applied(asks, frame["a"], rising=True), applied(bids, frame["b"], rising=False)
            text = ",".join(":".join(level) for level in asks) + "|" + ",".join(":".join(level) for level in bids)
            assert frame["cs"] == crc32(text.encode())
            sequence = frame["seq"]
        book = await bench.read(f"/v2/l2orderbook/{bench.call.symbol}")
        assert [level[0] for level in asks] == [level["price"] for level in book["sell"]]


def test_the_checksum_is_the_crc_of_ten_levels_a_side() -> None:
    asks = [(f"{100 + step}.5", "1") for step in range(12)]
    text = ",".join(f"{100 + step}.5:1" for step in range(10)) + "|99:2"
    assert checksum(asks, [("99", "2")]) == crc32(text.encode())


async def test_a_later_follower_of_a_book_gets_a_snapshot_of_its_own(bench: Bench) -> None:
    async with public(bench) as early, public(bench) as late:
        await early.subscribe("ob_updates", bench.call.symbol)
        for _ in range(12):
            await early.step(1)
        await late.subscribe("ob_updates", bench.call.symbol)
        await late.step(1)
        (frame,) = late.of("ob_updates")
        assert (frame["action"], frame["seq"]) == ("snapshot", early.of("ob_updates")[-1]["seq"])


async def test_index_and_settlement_mean_are_told(bench: Bench) -> None:
    async with public(bench) as socket:
        await socket.subscribe("spot_price", ".DEXBTUSD")
        await socket.subscribe("spot_30mtwap_price", ".DEXBTUSD")
        await socket.step()
        (spot,), (mean,) = socket.of("spot_price"), socket.of("spot_30mtwap_price")
        assert (spot["sy"], Decimal(spot["p"])) == (".DEXBTUSD", bench.server.spot("BTC"))
        assert (set(mean), mean["symbol"]) == ({"type", "symbol", "price", "timestamp"}, ".DEXBTUSD")
        expected = bench.exchange.market.twap("BTC", bench.exchange.now())
        assert Decimal(mean["price"]) == expected


async def test_public_trades_arrive_once_each(bench: Bench) -> None:
    seed = bench.exchange.market.seed
    near = [item for item in bench.server.catalogue.live() if item.settlement_at == bench.call.settlement_at]
    item = max(near, key=lambda one: popularity(seed, one.product_id))
    async with public(bench) as socket:
        await socket.subscribe("trades", item.symbol)
        await socket.step()
        start = int(bench.exchange.now().timestamp())
        for _ in range(120):
            await socket.step(5)
        told = [(frame["t"], frame["p"], frame["r"]) for frame in socket.of("trades")]
    rows = await bench.read(f"/v2/trades/{item.symbol}")
    roles = {"taker": "t", "maker": "m"}
    expected = [
        (row["timestamp"], row["price"], roles[row["buyer_role"]])
        for row in rows[::-1]
        if row["timestamp"] > start * 1_000_000
    ]
    assert told == expected
    assert told


async def test_our_own_fill_is_a_public_trade(bench: Bench) -> None:
    async with public(bench) as socket:
        await socket.subscribe("trades", "BTC-040926")
        await socket.step(1)
        await bench.market(bench.call, "buy", 3)
        await socket.step(1)
        mine = [frame for frame in socket.of("trades") if frame["sy"] == bench.call.symbol]
        assert {"s": 3.0, "r": "t"}.items() <= mine[-1].items()


async def test_candles_carry_volume_for_trades_only(bench: Bench) -> None:
    async with public(bench) as socket:
        await socket.subscribe("candlestick_1h", f"MARK:{bench.call.symbol}", "call_options")
        await socket.step(1)
        frames = socket.of("candlestick_1h")
        marks = [frame for frame in frames if frame["sy"].startswith("MARK:")]
        assert [("v" in frame, frame["res"]) for frame in marks] == [(False, "1h")]
        assert len(frames) > 1
        assert all("v" in frame for frame in frames if not frame["sy"].startswith("MARK:"))


async def test_auctions_of_new_contracts_are_announced_when_they_begin_and_end() -> None:
    bench = make_bench()
    bench.clock.set(bench.call.settlement_at - timedelta(seconds=10))  # the next series is listed at settlement
    async with public(bench) as socket:
        await socket.subscribe("product_updates")
        await socket.step(1)
        for _ in range(8):
            await socket.step(100)
        begun = [frame for frame in socket.of("product_updates") if frame["event"] == "start_auction"]
        ended = [frame for frame in socket.of("product_updates") if frame["event"] == "finish_auction"]
        assert {frame["product"]["trading_status"] for frame in begun} == {"disrupted_post_only"}
        assert {frame["product"]["trading_status"] for frame in ended} == {"operational"}
        assert {frame["product"]["symbol"] for frame in begun} == {frame["product"]["symbol"] for frame in ended}


async def test_the_systems_status_is_told_at_once_and_on_maintenance(bench: Bench) -> None:
    async with public(bench) as socket:
        await socket.subscribe("system_status")
        (frame,) = socket.take("system_status")
        assert (frame["event"], frame["status"]) == ("snapshot", "live")
        bench.server.faults.inject("maintenance:for=30")
        await socket.step(1)
        (frame,) = socket.take("system_status")
        assert (frame["event"], frame["status"]) == ("maintenance_started", "maintenance")
        await socket.step(30)
        (frame,) = socket.take("system_status")
        assert (frame["event"], frame["status"]) == ("maintenance_finished", "live")


async def test_an_unsubscribed_channel_is_silent(bench: Bench) -> None:
    async with public(bench) as socket:
        await socket.subscribe("ob_l1", bench.call.symbol, bench.put.symbol)
        one: Json = {"name": "ob_l1", "symbols": [bench.put.symbol]}
        await socket.say({"type": "unsubscribe", "payload": {"channels": [one]}})
        await socket.step(1)
        assert {frame["sy"] for frame in socket.take("ob_l1")} == {bench.call.symbol}
        await socket.say({"type": "unsubscribe", "payload": {"channels": [{"name": "ob_l1"}]}})
        await socket.step(10)
        assert socket.of("ob_l1") == []


async def test_pings_are_answered_and_heartbeats_come_every_thirty_seconds(bench: Bench) -> None:
    async with public(bench) as socket:
        await socket.say({"type": "ping"})
        assert socket.of("pong") == [{"type": "pong"}]
        await socket.subscribe("product_updates")
        await socket.say({"type": "enable_heartbeat"})
        socket.take("heartbeat")
        for _ in range(61):
            await socket.step(1)
        assert len(socket.of("heartbeat")) == 2


async def test_who_subscribes_to_nothing_is_sent_away_after_a_minute(bench: Bench) -> None:
    async with public(bench) as idle, public(bench) as busy:
        await busy.subscribe("product_updates")
        await idle.step(59)
        assert idle.close_code is None
        await idle.step(1)
        assert (idle.close_code, busy.close_code) == (1000, None)


async def test_the_socket_beyond_the_limit_is_not_opened() -> None:
    bench = make_bench(config=ServerConfig(api_key=KEY, api_secret=SECRET, socket_connects=1))
    async with public(bench) as first, public(bench) as second:
        assert (first.accepted, second.accepted) == (True, False)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"type":"subscribe","payload":7}', '{"type":"what"}', "null"])
async def test_nonsense_is_answered_not_fatal(bench: Bench, text: str) -> None:
    async with public(bench) as socket:
        await socket.say(text)
        assert socket.close_code is None
        await socket.say({"type": "ping"})
        assert socket.of("pong")


async def test_unknown_paths_have_no_socket(bench: Bench) -> None:
    async with Socket(bench, "/elsewhere") as socket:
        assert socket.accepted is False
