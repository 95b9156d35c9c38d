"""One fetch from several venues at once, combined into one market."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ...errors import DataError
from ...market.combine import combine
from ...market.combined import CombinedMarket
from ...run.progress import Progress
from .fetch_plan import FetchPlan


class VenuesPlan:
    """Fetches of the same range from several venues; the first one has the prices.

    Parameters
    ----------
    plans
        A plan for each venue.
    progress
        Where all of them count their pages.
    """

    def __init__(self, plans: Sequence[FetchPlan], progress: Progress) -> None:
        self.plans: Sequence[FetchPlan] = plans
        self.progress: Progress = progress
        self._failed: dict[str, str] = {}

    async def run(self, trust_env: bool = False) -> None:
        """Fetch missing rows from all venues.

        Raises
        ------
        FetchError, ParseError
            The first venue failed. Other venues that fail are left out, and the market names them.
        """
        jobs = [asyncio.ensure_future(plan.run(trust_env)) for plan in self.plans]
        try:
            results = await asyncio.gather(*jobs, return_exceptions=True)
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.wait(jobs)  # fetched rows are written before returning
        for plan, result in zip(self.plans, results, strict=True):
            if isinstance(result, DataError) and plan is not self.plans[0]:
                self._failed[plan.venue.name] = str(result)
            elif isinstance(result, BaseException):
                raise result

    def market(self) -> CombinedMarket:
        """Return the combined market of cached and fetched rows, up to the last candle that all venues have closed.

        Raises
        ------
        FetchError
            The first venue has no candle in the range.
        """
        asked = [plan for plan in self.plans if plan.venue.name not in self._failed]
        end = min(plan.end() for plan in asked)
        markets, missing = {}, dict(self._failed)
        for plan in asked:
            try:
                markets[plan.venue.name] = plan.market(end)
            except DataError as error:
                if plan is self.plans[0]:
                    raise
                missing[plan.venue.name] = str(error)
        return combine(markets, missing=missing)
