"""All of the history so far, for a new database."""

from importlib import import_module
from pathlib import Path

from django.conf import settings
from django.db import migrations

from bifang.core.database.founding import MARK, FoundTables

_PACKAGE = __name__.rpartition(".")[0]
_LAST = Path(__file__).stem.partition(MARK)[2]
_NAMES = tuple(
    sorted(
        file.stem
        for file in Path(__file__).parent.glob("0*.py")
        if MARK not in file.stem and file.stem <= _LAST
    )
)
_first, _between = (import_module(f"{_PACKAGE}.{name}") for name in ("0001_first_release", "0044_words_between"))


class Migration(migrations.Migration):
    initial = True
    replaces = [("secops_agent", name) for name in _NAMES]
    dependencies = [("core", "0007_switch_reason"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]
    operations = [
        FoundTables("secops_agent", _PACKAGE, _NAMES),
        migrations.RunPython(_first.add_prices),
        migrations.RunPython(_first.create_words),
        migrations.RunPython(_between.create),
    ]
