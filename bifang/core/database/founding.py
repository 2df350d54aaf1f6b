"""A new database in one step: the tables as an application's migrations leave them, made without their history.

To replay the history costs seconds of processor time: after each step Django renders all models that have to do with
it. A migration of this operation ``replaces`` the history, so a database that has begun it goes on with it.
"""

from importlib import import_module
from typing import Any, Final

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

MARK: Final = "_squashed_"  # in the name of such a migration


class FoundTables(Operation):
    """Creates the tables of an application as they are after these migrations of it, by name."""

    reversible = False

    def __init__(self, label: str, package: str, names: tuple[str, ...]) -> None:
        self.label, self.package, self.names = label, package, names

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """What the history makes of a state without it; what was rendered before is rendered again when it is asked for."""
        made = ProjectState()
        for name in self.names:
            migration = import_module(f"{self.package}.{name}").Migration(name, self.label)
            made = migration.mutate_state(made, preserve=False)
        state.models |= made.models
        state.__dict__.pop("apps", None)
        state.__dict__["_relations"] = None

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: Any
    ) -> None:
        """Tables in any order: foreign keys come when all are there."""
        for model in to_state.apps.get_app_config(self.label).get_models():
            if model._meta.managed and not model._meta.proxy:
                schema_editor.create_model(model)

    def describe(self) -> str:
        """For `migrate`."""
        return f"Create the tables of {self.label}"
