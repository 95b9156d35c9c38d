"""Market: candles of one instrument, checked once so that no other module has to check them again.

Times are open times, UTC. Prices are in the quote currency (USD or like it), volumes and open interest in coins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace as replaced
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import pandas as pd

from ..checks import whole
from ..errors import LiqError
from .any_table import as_frame
from .candles import Bars, carry, check_candles, decimals_of, opened_before
from .clock import are_ends, gaps_in, interval_of, interval_text, rows_between
from .columns import CANDLE_NAMES, REQUIRED, read_table
from .facts import facts_html, facts_of
from .files.table_file import in_file, read_table_file
from .labels import check_label
from .later_candles import followed
from .liquidations import told_liquidations, within
from .origin import Origin
from .period_sums import sums_beside
from .quantities import named_volume
from .quote import instrument
from .symbols import own_symbol
from .units import Units, bars_in_coins, quantities_beside, zeros_of

if TYPE_CHECKING:
    from .candles import Candles


class Market:
    """Candles of one instrument, with realised liquidations if they are known.

    Made by `from_frame` and immutable: `append`, `tail` and `between` return new ones.

    Attributes
    ----------
    symbol, exchange : str
        Instrument and exchange, as given; empty if unknown.
    contract : str
        "linear", or "inverse" if margin is in coins.
    contract_size : float or None
        Coins per contract, or USD per inverse contract, as given or found; None if unknown.
    simulated : bool
        True if the candles come from a simulation.
    candles : DataFrame
        T rows. Index ``time``, ``datetime64[ns, UTC]``, strictly increasing; float64 columns open, high, low, close
        (USD, > 0), volume (coins, >= 0), and, if known, open_interest, taker_buy_volume (coins), funding_rate,
        long_short_ratio, mark_low, mark_high, top_trader_account_ratio, top_trader_position_ratio, taker_ratio.
    liquidations : DataFrame or None
        Columns time (``datetime64[ns, UTC]``), side ("long" or "short": who was liquidated), price (USD), quantity
        (coins), notional (USD), by time. Price and quantity are NaN if only sums are known.
    ignored : tuple of str
        Columns of the input that were not recognised.
    widened : int
        Candles whose high or low was moved to include an open or close outside them; never most of them.
    carried : dict of str to int
        By optional column: empty cells that were filled with the last value (mark prices: cells that stay empty).
    origin : Origin or None
        Where the candles come from, when they were fetched, and what is missing; None for the user's own DataFrame.
    notes : tuple of str
        What a reader has to know about the quantities: columns that were used or omitted, unusual amounts.
    """

    def __init__(
        self,
        bars: Bars,
        symbol: str,
        exchange: str,
        liquidations: Any,
        simulated: bool,
        ignored: tuple[str, ...],
        origin: Origin | None = None,
        notes: Sequence[str] = (),
        units: Units | None = None,
    ) -> None:
        self._bars, self._liquidations, self._units = bars, liquidations, units or Units()
        self.symbol: str = symbol
        self.exchange: str = exchange
        self.simulated: bool = simulated
        self.ignored: tuple[str, ...] = ignored
        self.origin: Origin | None = origin
        self.notes: tuple[str, ...] = tuple(dict.fromkeys((*bars.notes, *notes)))

    @classmethod
    def from_frame(
        cls,
        df: Any,
        symbol: str = "",
        exchange: str = "",
        liquidations: Any = None,
        *,
        sort: bool = False,
        simulated: bool = False,
        volume_unit: str | None = None,
        open_interest_unit: str | None = None,
        contract_size: float | None = None,
        contract: Literal["linear", "inverse"] | None = None,
    ) -> Market:
        """Check candles in any common format and make a Market of them.

        Parameters
        ----------
        df
            DataFrame of candles; a table of polars, pyarrow or DuckDB; or rows as venues send them (Binance, Bitfinex,
            Bybit, Coinbase, Gate, Kraken, KuCoin, MEXC, OKX, ccxt), whose order is detected from the numbers. Times: a
            DatetimeIndex (naive is UTC) or a column such as time, timestamp, date, open_time, from 2009 to 2100,
            holding datetimes, ISO 8601 text, s, ms, us, ns since 1970, or digits such as 20250201000500. Several that
            agree count as one; BitMEX's, which are ends, become open times. Column names in the usual spellings of
            exchanges, ccxt and yfinance, in any case. Empty cells of open_interest, taker_buy_volume, funding_rate
            and the ratios get the last value, those of mark_low and mark_high stay NaN. An open_interest of 0
            counts as empty.
        symbol, exchange
            Labels, at most 64 characters without control characters. Without a symbol, that of the table's column
            symbol, if there is one. The symbol says the quote currency, and both say how liquidations are read.
        liquidations
            DataFrame of realised liquidations, or None: time, side (long or short; or Buy and Sell as `exchange` means
            them: for the closing order, so SELL closes a long, but for the position at Bybit), notional in USD or else
            price and quantity. Or one row per period with sums of longs and of shorts in two columns. In any order.
            Rows of other symbols are omitted. None: columns of liquidations in `df` are used.
        sort
            Sort the candles by time first.
        simulated
            Label the candles as simulated.
        volume_unit, open_interest_unit
            ``"coins"``, ``"quote"`` (the quote currency, such as USD; or contracts of 1 USD) or ``"contracts"``. None:
            the table decides, and it is refused if it contradicts coins. They become coins at the typical price of the
            candle (volume) or its close (open interest); taker_buy_volume is in the unit of volume, or in coins.
        contract_size
            Coins per contract, for ``"contracts"``; for an inverse contract USD, and then the default unit is
            ``"contracts"``.
        contract
            ``"linear"`` or ``"inverse"`` (margin in coins, size in USD): the rule of liquidation prices. None: the
            symbol and exchange decide, such as BTCUSD_PERP or XBTUSD; "linear" if they do not.

        Raises
        ------
        InputError
            A candle is not usable; the message names the row, counted from 0 in the input, and its time.

        Notes
        -----
        High or low is moved to include an open or close that lies up to 1 % outside the candle's range. An open that
        equals the previous close is accepted at any distance: some venues (BitMEX) define it so, and the price did
        cross that range. Candles of which more than half would have to be widened are refused: their columns are in
        another order.

        Examples
        --------
        >>> market = Market.from_frame([[1704067200000, 42314.0, 42603.2, 42289.6, 42503.5, 4834.1]])
        >>> float(market.candles["close"].iloc[-1])
        42503.5
        """
        check_label("symbol", symbol)
        check_label("exchange", exchange)
        frame = as_frame(df)
        symbol = own_symbol(frame, symbol, exchange)
        about, ends = instrument(symbol, exchange), are_ends(frame, exchange)
        units = Units.checked(volume_unit, open_interest_unit, contract_size, contract, symbol, about)
        about = units.of(about)
        frame, *renamed = named_volume(frame, about)
        table = read_table(frame, "candles", CANDLE_NAMES, REQUIRED, sort=bool(sort))
        bars = check_candles(table)
        bars = opened_before(bars) if ends else bars
        bars, units, notes = bars_in_coins(bars, quantities_beside(frame, table, about), units, about, renamed)
        notes += zeros_of(table)
        bars = carry(bars, {}, is_inverse=units.contract == "inverse")
        if liquidations is None:
            sums, told = sums_beside(table, frame, bars, about)
            realised = None if sums is None else told_liquidations(sums)[0]
        else:
            realised, told = told_liquidations(liquidations, symbol, exchange, bars, units)
        return cls(bars, symbol, exchange, realised, bool(simulated), table.ignored, None, [*notes, *told], units)

    @classmethod
    def read(cls, path: str | Path, **options: Any) -> Market:
        """Read candles from a file and make a Market of them.

        Parameters
        ----------
        path
            CSV (any usual separator, decimal mark, encoding and heading, or none), JSON, Parquet or Feather (with
            pyarrow), Excel (with openpyxl), also inside gzip or zip; at most 64 MB, 256 MB unpacked.
        options
            As in `from_frame`. ``sort`` is True here: files of several venues start with the newest candle.

        Raises
        ------
        InputError, ParseError
            The file is absent, too large or damaged, or a candle is not usable; the message names its line or row.
        """
        table = read_table_file(path)
        try:
            return cls.from_frame(table.frame, **{"sort": True, **options})
        except LiqError as error:
            raise in_file(error, table.line) from None

    def append(
        self,
        frame: Any,
        *,
        replace: bool = False,
        volume_unit: str | None = None,
        open_interest_unit: str | None = None,
        contract_size: float | None = None,
    ) -> Market:
        """Return a Market with later candles added.

        Parameters
        ----------
        frame
            Candles as in `from_frame`; a single one also as a dict or Series. The first may have the time of the last
            one here: it replaces the forming candle and keeps that candle's optional values where its own are empty.
            Optional columns that this market does not have are ignored; those missing in `frame` get the last value.
        replace
            Allow the frame to begin earlier, at any candle but the first: it replaces all candles from there on.
        volume_unit, open_interest_unit, contract_size
            As for `from_frame`; None: as in the candles here.

        Raises
        ------
        InputError
            As `from_frame`; also when the first new candle is before the last one here (with `replace`: is not later
            than the first one here).
        """
        frame = as_frame(frame)
        own_symbol(frame, self.symbol, self.exchange)
        about, ends = self._units.of(instrument(self.symbol, self.exchange)), are_ends(frame, self.exchange)
        contract = self._units.contract or None
        said = Units.checked(volume_unit, open_interest_unit, contract_size, contract, self.symbol, about)
        units = said.over(self._units)
        bars, found, notes, ignored = followed(self._bars, frame, about, units, ends=ends, replaces=replace)
        units = found if units == self._units else self._units
        ignored = tuple(dict.fromkeys((*self.ignored, *ignored)))
        return self._with(bars=bars, ignored=ignored, notes=(*self.notes, *notes), units=units)

    def read_liquidations(self, frame: Any) -> tuple[pd.DataFrame, list[str]]:
        """Return realised liquidations as `from_frame` takes them, in the shape of `liquidations`, and notices."""
        return told_liquidations(frame, self.symbol, self.exchange, self._bars, self._units)

    def with_origin(self, origin: Origin) -> Market:
        """Return the same candles with this provenance."""
        return self._with(origin=origin)

    def with_liquidations(self, liquidations: pd.DataFrame | None) -> Market:
        """Return the same candles with other liquidations, in the shape of `liquidations`; None: with none."""
        return self._with(liquidations=liquidations)

    def with_empty(self, names: Sequence[str]) -> Market:
        """Return the same candles with additional optional columns, without values yet, for later candles."""
        columns = {**self._bars.columns, **dict.fromkeys(names, np.full(len(self), np.nan))}
        return self._with(bars=replaced(self._bars, columns=columns))

    def tail(self, n: int) -> Market:
        """Return the last `n` candles (all if there are fewer) with the liquidations of that period.

        Raises
        ------
        InputError
            `n` is not an integer of at least 1.
        """
        return self._cut(slice(-min(whole("n", n, 1), len(self)), None))

    def between(self, start: Any = None, end: Any = None) -> Market:
        """Return the candles whose open time is in ``[start, end]``, with the liquidations of that period.

        Parameters
        ----------
        start, end
            Text, datetime or Timestamp, naive is UTC; a date is its midnight. None leaves that end open.

        Raises
        ------
        InputError
            A time cannot be read, or no candle is in the range.
        """
        return self._cut(rows_between(self._bars.time, start, end))

    @property
    def candles(self) -> Candles:
        """Return the candles as a DataFrame: a copy, whose values are read-only with pandas before 3."""
        return self._frame.copy(deep=False)

    @cached_property
    def _frame(self) -> Candles:
        values = np.array(list(self._bars.columns.values()))
        values.flags.writeable = False  # pandas before 3 shares it with the copies that callers get
        return cast("Candles", pd.DataFrame(values.T, self._index, list(self._bars.columns), copy=False))

    @cached_property
    def _index(self) -> pd.DatetimeIndex:
        return pd.DatetimeIndex(self._bars.time.view("datetime64[ns]"), name="time").tz_localize("UTC")

    @property
    def liquidations(self) -> pd.DataFrame | None:
        """Return the realised liquidations as a DataFrame; None if unknown."""
        return None if self._liquidations is None else self._liquidations.copy()

    @property
    def venues(self) -> Mapping[str, Market]:
        """Return the parts of a combined market by venue; empty for a market of one venue."""
        return {}

    @property
    def currency(self) -> str:
        """Return the currency of prices and amounts if it is not USD; empty for USD and equivalents."""
        return "" if (about := instrument(self.symbol, self.exchange)).is_usd else about.quote

    @property
    def contract(self) -> Literal["linear", "inverse"]:
        """Return "linear", or "inverse" if margin is in coins."""
        return "inverse" if self._units.contract == "inverse" else "linear"

    @property
    def contract_size(self) -> float | None:
        """Return coins per contract, or USD per inverse contract, as given or found; None if unknown."""
        return self._units.contract_size

    @property
    def widened(self) -> int:
        """Return how many candles had high or low moved to include an open or close."""
        return int(self._bars.widened.sum())

    @property
    def carried(self) -> dict[str, int]:
        """Return, by optional column, how many empty cells got the last value (for mark prices: stayed empty)."""
        return {name: int(mask.sum()) for name, mask in self._bars.carried.items()}

    def carried_before_last(self, name: str) -> int:
        """Return `carried` of a column without the last candle, which may be forming and lack its values."""
        return int(self._bars.carried[name][:-1].sum()) if name in self._bars.carried else 0

    @cached_property
    def interval(self) -> pd.Timedelta:
        """Return the most frequent step between candles, or the median if none is common; 0 for one candle."""
        return pd.Timedelta(self._step[0], unit="ns")

    @cached_property
    def _step(self) -> tuple[int, bool]:
        return interval_of(self._bars.time)

    @property
    def interval_label(self) -> str:
        """Return the interval as exchanges write it: "5m", "90s"; "~15m" without a common step; "" for one candle."""
        return interval_text(*self._step)

    @cached_property
    def gaps(self) -> pd.DataFrame:
        """Return where candles are missing: DataFrame with after, before (UTC) and missing (whole candles, >= 1)."""
        at, missing = gaps_in(self._bars.time, self.interval.value)
        return pd.DataFrame({"after": self._index[at], "before": self._index[at + 1], "missing": missing})

    @property
    def missing(self) -> int:
        """Return how many candles are missing in all gaps."""
        return int(self.gaps["missing"].sum())

    @cached_property
    def price_decimals(self) -> int:
        """Return how many decimals the prices need, 0 to 12, to one part in 1e9."""
        return decimals_of(np.concatenate([self._bars.columns[name] for name in ("high", "low", "close")]))

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without cached frames, which are not sent to a worker."""
        made = {name for name, value in vars(Market).items() if isinstance(value, cached_property)}
        return {name: value for name, value in self.__dict__.items() if name not in made}

    def __len__(self) -> int:
        return len(self._bars.time)

    def __repr__(self) -> str:
        return f"<Market {', '.join(f'{name} {text}' if name else text for name, text in facts_of(self))}>"

    def _repr_html_(self) -> str:
        return facts_html(facts_of(self))

    def _cut(self, rows: slice) -> Market:
        bars, interval = self._bars.cut(rows), max(self.interval.value, 1)
        return self._with(bars=bars, liquidations=within(self._liquidations, bars.time[0], bars.time[-1] + interval))

    def _with(self, **changes: Any) -> Market:
        """Return a market that differs from this one in some arguments of the constructor."""
        return Market(**{**self._arguments(), **changes})

    def _arguments(self) -> dict[str, Any]:
        names = ("_bars", "_liquidations", "_units", "symbol", "exchange", "simulated", "ignored", "origin", "notes")
        return {name.lstrip("_"): getattr(self, name) for name in names}


def bars_of(market: Market) -> Bars:
    """Return the checked columns that a market's candles show."""
    return market._bars
