"""The version, in a module that can be imported without the package's public names."""

#: Version of the package, as text.
#:
#: Examples
#: --------
#: >>> import liqwidget as lw
#: >>> lw.__version__.count(".")
#: 2
__version__ = "0.1.0"
