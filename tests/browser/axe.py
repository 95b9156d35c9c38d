"""axe-core, which finds accessibility problems in a page, and the rules that the tests check."""

from __future__ import annotations

from pathlib import Path

AXE = Path(__file__).resolve().parents[2] / "js" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
