"""Tables of candles from files of the usual formats."""
