/** Options of the chart as a whole. */

import {
  ColorType,
  CrosshairMode,
  type DeepPartial,
  type TickMarkType,
  type Time,
  type TimeChartOptions,
} from "lightweight-charts";
import type { Clock } from "../base/clock";
import type { Colours } from "../base/theme";
import type { EdgeTicks } from "./edge_ticks";

/**
 * Options for a chart before it has a size.
 *
 * @param logo - whether the chart shows the TradingView logo
 */
export function optionsOf(logo: boolean): DeepPartial<TimeChartOptions> {
  return {
    layout: { attributionLogo: logo },
    width: 50,
    height: 50,
    crosshair: { mode: CrosshairMode.Normal },
    rightPriceScale: { borderVisible: false, minimumWidth: 72, entireTextOnly: true },
    timeScale: {
      timeVisible: true,
      secondsVisible: false,
      borderVisible: false,
      minBarSpacing: 0.001, // fits 500,000 candles into a narrow view
      enableConflation: true,
    },
    grid: { vertLines: { visible: false }, horzLines: { visible: false } },
    handleScale: { mouseWheel: false },
    // Vertical touch drags scroll the page.
    handleScroll: { mouseWheel: false, vertTouchDrag: false },
  };
}

/** Options that depend on the theme and on the font size, CSS pixels. */
export function coloured(colours: Colours, text: number, logo: boolean): DeepPartial<TimeChartOptions> {
  return {
    layout: {
      background: { type: ColorType.Solid, color: "transparent" }, // the heat is below
      textColor: colours.text,
      fontSize: text,
      attributionLogo: logo,
      panes: { separatorColor: colours.line, separatorHoverColor: colours.line, enableResize: true },
    },
    crosshair: {
      vertLine: { color: colours.crosshair, labelBackgroundColor: colours.crosshairLabel },
      horzLine: { color: colours.crosshair, labelBackgroundColor: colours.crosshairLabel },
    },
  };
}

/** Options that depend on the clock's zone. */
export function timed(clock: Clock, ticks: EdgeTicks): DeepPartial<TimeChartOptions> {
  const ms = (time: Time): number => (time as number) * 1000;
  return {
    localization: { timeFormatter: (time: Time) => clock.stamp(ms(time)) },
    timeScale: {
      tickMarkFormatter: (time: Time, type: TickMarkType) => ticks.textAt(ms(time), clock.tick(ms(time), type), type),
      tickMarkMaxCharacterLength: clock.local ? 12 : 8,
    },
  };
}
