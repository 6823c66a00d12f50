"""Keys of the real LiteLLM proxy, made up, and what each of them may do there."""

from typing import Any, Final

BUDGETED: Final = "sk-with-a-budget-0123456789"
FREE: Final = "sk-without-any-limit-0123456789"
SPENT: Final = "sk-that-has-spent-it-all-0123456789"
HURRIED: Final = "sk-one-request-a-minute-0123456789"
UNKNOWN: Final = "sk-nobody-has-heard-of-0123456789"

KEYS: Final[dict[str, dict[str, Any]]] = {
    BUDGETED: {"spend": 2.5, "max_budget": 10.0, "tpm_limit": 100_000, "rpm_limit": 60},
    FREE: {},
    SPENT: {"spend": 12.5, "max_budget": 10.0},
    HURRIED: {"rpm_limit": 1},
}
