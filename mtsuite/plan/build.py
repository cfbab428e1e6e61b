"""Recipe to plan: which jobs a table needs, each with a key that says when it can be shared.

A row's phases become ``probe`` and ``train`` jobs; a phase's key holds only the part of the
configuration that the phase depends on, so rows that differ later share what comes before.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from mtsuite.data.direction import Direction
from mtsuite.data.languages import meanings
from mtsuite.data.preview import segments
from mtsuite.data.prompts import Templates
from mtsuite.errors import RecipeError
from mtsuite.identity import identity
from mtsuite.jobs.roles import CONTINUES, PHASE
from mtsuite.jobs.same import SAME
from mtsuite.method import Method, Train, main_phase
from mtsuite.metrics.language_id import installed_identifier
from mtsuite.plan.base import base_job
from mtsuite.plan.checks import (
    check_architecture,
    check_base_name,
    check_measured,
    check_metrics,
    check_model,
    check_size,
    check_tracking,
    check_trains,
)
from mtsuite.plan.comet import comet_job, comet_settings
from mtsuite.plan.corpus import corpus_job, untrained_job
from mtsuite.plan.external import external_jobs, external_note
from mtsuite.plan.graph import Job, Plan
from mtsuite.plan.keys import VERSIONS
from mtsuite.plan.known import known_configuration, layer_count
from mtsuite.plan.metrics import metric_columns, own_metrics
from mtsuite.plan.near import near_job
from mtsuite.plan.perplexity import plan_perplexity
from mtsuite.plan.phases import at_start, probe_job, train_job, train_spec
from mtsuite.plan.place import errors_of
from mtsuite.plan.planned import FLOOR, MEMORY, Line, Planned, Training
from mtsuite.plan.prompts import TemplateSpec
from mtsuite.plan.ready import check_ready
from mtsuite.plan.rows import check_replay, check_rows, configure_rows
from mtsuite.plan.search import Model, headline, plan_search, validation_text, with_choice
from mtsuite.plan.sequence import plan_sequence
from mtsuite.plan.start import Start, looks_before, start_job, tested_at_start
from mtsuite.plan.text_checks import check_prompts
from mtsuite.plan.untrained import plan_untrained
from mtsuite.recipe.schema import ReadRecipe
from mtsuite.registry import configure
from mtsuite.results.trained_on import ALL, OWN, START


def make_plan(read: ReadRecipe, *, offline: bool = False) -> Planned:
    """Plan a recipe; nothing runs.  ``offline``: what would have to be downloaded is lacking.

    Raises RecipeError, MethodError, DataError or MetricError for what can be known to fail.  A method whose code
    fails is no error of the recipe: its row is left to ``Planned.broken``.
    """
    return _Planner(read, offline).build()


class _Planner:
    def __init__(self, read: ReadRecipe, offline: bool) -> None:
        self.recipe, self.folder, self.offline = read.recipe, read.folder, offline
        self.error = errors_of(read)
        check_metrics(self.recipe, self.error)
        check_architecture(self.recipe, self.error)
        check_size(self.recipe, self.error)
        check_tracking(self.recipe, self.error)
        check_ready(self.recipe, self.folder, self.error, offline=offline)
        self.prompts = TemplateSpec(self.recipe, self.folder, self._templates())
        self.methods, broken = configure_rows(read, self.error)
        check_replay(self.recipe, self.methods, self.error)
        known = known_configuration(self.recipe, self.folder)
        check_model(self.recipe, self.folder, known, self.error)
        check_prompts(self.prompts, self.error)
        layers = layer_count(known)
        if layers is not None:
            broken += check_rows(self.recipe, self.methods, layers, self.error)
        self.models: dict[tuple[str, int], dict[str, str]] = {}  # phases of the joint models by row and seed
        self.out = Planned(Plan(), self.recipe, self.folder, self.methods, broken=broken)
        self.model = {
            "dtype": self.recipe.model.dtype,
            "trust_remote_code": self.recipe.model.trust_remote_code,
        }

    def build(self) -> Planned:
        recipe = self.recipe
        corpus, self.out.sizes = corpus_job(recipe, self.folder, self.offline)
        check_measured(recipe, self.out.sizes, self.error)
        self.out.corpus = self.out.plan.add(corpus)
        if recipe.forgetting.zero_shot_directions:
            self.out.untrained = self.out.plan.add(untrained_job(recipe, self.folder, self.out.corpus, self.error))
        self.out.base = self.out.plan.add(
            base_job(recipe, self.folder, self.out.corpus, self._template_spec(), self.model)
        )
        columns = comet_settings(recipe)
        self.score_spec = {
            "version": VERSIONS["score"],
            "metrics": [name for name in metric_columns(recipe) if name not in columns],
            **own_metrics(recipe),
            "languages": sorted(recipe.languages()),
            "language_id": installed_identifier(),
            "profile": recipe.metrics.profile,
        }
        if names := meanings(recipe.languages()):  # they decide tokenizers, scripts and what the identifier is asked
            self.score_spec["meanings"] = names
        if recipe.report.floor:
            for direction in recipe.directions:
                self._line(FLOOR, None, 0, ALL, direction, {})
        if (job := near_job(recipe, self.out)) is not None:
            self.out.near = self.out.plan.add(job)
        if recipe.leakage.translation_memory:
            for direction in recipe.directions:
                self._line(MEMORY, None, 0, ALL, direction, {MEMORY: self.out.near})
        for name in self.methods:
            self._search(name, columns)
        for seed in recipe.seeds:
            for name in self.methods:
                if recipe.methods[name].one_model_per_direction:
                    self._separate(name, seed)
                    continue
                phases = self._phases(name, seed, recipe.directions, recipe.train.max_steps, ALL)
                self.models[name, seed] = phases
                for direction in recipe.directions:
                    self._line(name, self.methods[name], seed, ALL, direction, phases)
        if recipe.transfer is not None:
            for seed in recipe.seeds:
                for name in recipe.transfer.methods:
                    if name in self.methods:
                        self._transfer(name, seed)
        self._starts()
        self._forgetting()
        for name in recipe.external:
            self._external(name)
        self.out.lines = list(dict.fromkeys(self.out.lines))  # a sequence begins where a transfer run may have been
        self.out.trainings = list(dict.fromkeys(self.out.trainings))
        for name, settings in columns.items():
            job = comet_job(name, settings, self.out, self.folder, self.error)
            self.out.comet[name] = self.out.plan.add(job)
        return self.out

    def _external(self, name: str) -> None:
        """A row of files; like an untrained row it is the same under every seed."""
        recipe, row = self.recipe, self.recipe.external[name]
        data = recipe.data.model_dump(mode="json")
        texts = {
            (direction, test_set): segments(data, Direction.parse(direction), test_set, self.folder)
            for direction in recipe.directions
            for test_set in self._test_sets(direction)
        }
        jobs, missing = external_jobs(name, row, texts, self.out.corpus, self.folder, self.error)
        self.out.outside[name] = external_note(row, missing)
        for (direction, test_set), job in jobs.items():
            translations = self.out.plan.add(job)
            for seed in recipe.seeds:
                self._scored(name, seed, ALL, direction, test_set, translations)

    def _separate(self, name: str, seed: int) -> None:
        """One model a direction, each with the direction's share of the updates that joint training has."""
        check_trains(name, self.methods[name], f"methods.{name}.one_model_per_direction")
        for directions, steps, direction in self._models(name):
            phases = self._phases(name, seed, directions, steps, direction)
            self._line(name, self.methods[name], seed, OWN, direction, phases)

    def _models(self, name: str) -> list[Model]:
        """The models that a row trains for the table."""
        recipe = self.recipe
        if not recipe.methods[name].one_model_per_direction:
            return [(recipe.directions, recipe.train.max_steps, ALL)]
        steps = max(1, -(-recipe.train.max_steps // len(recipe.directions)))
        return [([direction], steps, direction) for direction in recipe.directions]

    def _search(self, name: str, columns: Mapping[str, Any]) -> None:
        """The row's candidates and the choice between them, where its learning rate is searched."""
        recipe, method = self.recipe, self.methods[name]
        if recipe.search is None and recipe.methods[name].search is None:
            return
        metric = headline(recipe, columns, self.error)

        def score(direction: str, phases: dict[str, str], label: str) -> str:
            text = validation_text()
            made = self._translation(name, ALL, method, recipe.seeds[0], direction, text, phases)
            return self._score(label, ALL, direction, text, made, metrics=[metric])

        plan, models = self.out.plan, self._models(name)
        found = plan_search(plan, recipe, name, method, models, metric, self._phases, score, self.error)
        if found is not None:
            self.out.searches[name] = found

    def _transfer(self, name: str, seed: int) -> None:
        recipe = self.recipe
        assert recipe.transfer is not None
        check_trains(name, self.methods[name], "transfer.methods")
        steps = recipe.transfer.max_steps or recipe.train.max_steps
        for trained_on in recipe.transfer.directions or recipe.directions:
            phases = self._phases(name, seed, [trained_on], steps, trained_on, transfer=True)
            for direction in recipe.directions:
                self._line(name, self.methods[name], seed, trained_on, direction, phases)

    def _starts(self) -> None:
        """Every row of which a table shows a change, as it is before its first training step."""
        recipe = self.recipe
        shared = {
            "directions": [*recipe.directions, *recipe.forgetting.zero_shot_directions],
            "templates": self._template_spec(),
            "max_length": recipe.train.max_length,
            "evaluation_template": recipe.prompts.evaluation_template,
            "model": self.model,
        }
        inputs = {"corpus": self.out.corpus, "base": self.out.base}
        for name, directions in tested_at_start(recipe, self.methods).items():
            method = self.methods[name]
            trained = next(dict(t.phases) for t in self.out.trainings if t.method == name)
            looks = looks_before(method, trained)
            for seed in recipe.seeds:
                job = self.out.plan.add(start_job(recipe, name, method, seed, shared, inputs | looks))
                self.out.starts.append(Start(name, seed, job, tuple(looks.items())))
                for direction in directions:
                    self._start_line(name, method, self.out.starts[-1], direction)

    def _start_line(self, name: str, method: Method, start: Start, direction: str) -> None:
        """Translations of a row's start; where it is the base, the base's own."""
        base = configure("zero-shot", {})
        for test_set in self._test_sets(direction):
            same: dict[str, dict[str, str]] = {"translate": {START: start.job}, "score": {START: start.job}}
            if not method.shots:  # prompts that show examples are not those of the base
                known = self._translation("base", "", base, start.seed, direction, test_set, {})
                same["translate"][SAME] = known
                same["score"][SAME] = self._score("base", "", direction, test_set, known)
            phases = dict(start.looks) | same["translate"]
            made = self._translation(name, START, method, start.seed, direction, test_set, phases)
            scores = self._score(name, START, direction, test_set, made, same["score"])
            self.out.lines.append(Line(name, start.seed, START, direction, test_set, made, scores))

    def _forgetting(self) -> None:
        """Sequences, directions that are not trained on, perplexity: what training makes a model forget."""
        recipe, methods = self.recipe, self.methods
        stages = plan_sequence(recipe, methods, self._phases, self._line, self.error)
        if recipe.report.floor:
            for direction in recipe.forgetting.zero_shot_directions:
                self._line(FLOOR, None, 0, ALL, direction, {})
        plan_untrained(recipe, methods, self.models, self._line)
        joint = {(name, seed, ALL): phases for (name, seed), phases in self.models.items()}
        measured = {key[:2] for key in joint | stages}
        starts = {
            (s.method, s.seed, START): {**dict(s.looks), START: s.job}
            for s in self.out.starts
            if (s.method, s.seed) in measured
        }
        shared = {
            "directions": list(recipe.directions),
            "templates": self._template_spec(),
            "max_length": recipe.train.max_length,
            "model": self.model,
        }
        inputs = {"corpus": self.out.corpus, "base": self.out.base}
        check_base_name(recipe, self.error)
        self.out.perplexities = plan_perplexity(self.out.plan, recipe, methods, joint | starts | stages, shared, inputs)

    # -- what every row shares --------------------------------------------------------------------

    def _templates(self) -> Templates:
        chosen = self.recipe.prompts.templates
        templates = Templates.builtin() if chosen == "builtin" else Templates.read(self.folder / chosen)
        index = self.recipe.prompts.evaluation_template
        if index >= len(templates.texts):
            raise RecipeError(
                f"prompts.evaluation_template is {index}, but there are {len(templates.texts)} templates: "
                f"0 to {len(templates.texts) - 1}."
            )
        return templates

    def _template_spec(self, row: str | None = None) -> dict[str, Any]:
        return self.prompts.spec(row)

    # -- one row ----------------------------------------------------------------------------------

    def _phases(
        self,
        name: str,
        seed: int,
        directions: list[str],
        steps: int,
        trained_on: str,
        *,
        transfer: bool = False,
        before: Mapping[str, str] | None = None,
        rate: float | None = None,
    ) -> dict[str, str]:
        """Jobs for the phases of a row; role -> key, for what comes after.

        With ``before``, the phases of an earlier stage: what comes ahead of the main phase is that stage's, and the
        main phase goes on from its weights.  ``rate`` makes them a candidate of a search, which is in no table.
        """
        recipe, method, row = self.recipe, self.methods[name], self.recipe.methods[name]
        roles: dict[str, str] = {}
        shown: dict[str, str] = {}  # probes of the trained model: nothing waits for them but the report
        phases = list(method.phases())  # asked once: the phases are compared by identity below
        main = main_phase(phases)
        ahead = phases[: phases.index(main)] if before is not None and main is not None else []
        for phase in phases:
            if before is not None and phase in ahead:
                if PHASE + phase.name in before:  # a look at the model before training was the first stage's
                    roles[PHASE + phase.name] = before[PHASE + phase.name]
                continue
            # What a probe or a monolingual stage looks at is all of the recipe's languages, whichever
            # direction is trained on afterwards: so the transfer matrix shares them.
            parallel = isinstance(phase, Train) and phase.text == "parallel"
            common = {
                "directions": list(directions if parallel else recipe.directions),
                "templates": self._template_spec(name),
                "max_length": recipe.train.max_length,
                "model": self.model,
                "phase": phase.name,
                "_use": row.use or name,
            }
            inputs = {"corpus": self.out.corpus, "base": self.out.base, **roles}
            if before is not None and phase is main:
                inputs[CONTINUES] = before[PHASE + phase.name]
            if isinstance(phase, Train):
                mono = phase.text == "monolingual"
                updates = (recipe.train.mono_steps or max(1, recipe.train.max_steps // 2)) if mono else steps
                on = "" if mono or trained_on == ALL else f" on {trained_on}"
                spec = train_spec(recipe, row, phase, updates, main=phase is main, rate=rate)
                which = f"learning rate {rate:g}, " if rate is not None and phase is main else ""
                label = f"{name}: {phase.name}{on} ({which}seed {seed})"
                job = train_job(recipe, label, method, phase, seed, spec, common, inputs)
                if phase is main and rate is None and name in self.out.searches:
                    of_table = not transfer and before is None
                    job = with_choice(job, self.out.searches[name], seed, trained_on, of_table=of_table)
                roles[PHASE + phase.name] = self.out.plan.add(job)
            elif phase.looks_at == "base":
                roles[PHASE + phase.name] = self.out.plan.add(probe_job(name, method, phase, None, common, inputs))
            elif trained_on == ALL and rate is None:  # its charts are of the table's joint models
                shown[PHASE + phase.name] = self.out.plan.add(probe_job(name, method, phase, seed, common, inputs))
        if main is not None and rate is None:
            made = roles | shown
            names = tuple((p.name, made[PHASE + p.name]) for p in phases if PHASE + p.name in made)
            self.out.trainings.append(Training(name, seed, trained_on, names, transfer))
        return roles

    def _line(
        self,
        name: str,
        method: Method | None,
        seed: int,
        trained_on: str,
        direction: str,
        phases: Mapping[str, str],
    ) -> None:
        for test_set in self._test_sets(direction):
            translations = self._translation(name, trained_on, method, seed, direction, test_set, phases)
            self._scored(name, seed, trained_on, direction, test_set, translations)

    def _translation(
        self,
        name: str,
        trained_on: str,
        method: Method | None,
        seed: int,
        direction: str,
        test_set: str,
        phases: Mapping[str, str],
    ) -> str:
        """Key of the job that translates a test set with a model: of these phases, or of the row's start."""
        recipe = self.recipe
        spec: dict[str, Any] = {
            "version": VERSIONS["translate"],
            "direction": direction,
            "directions": [direction],
            "test_set": test_set,
            "templates": self._template_spec(None if method is None else name),
            "max_length": recipe.train.max_length,
            "evaluation_template": recipe.prompts.evaluation_template,
            "translate": recipe.translate.model_dump(mode="json"),
            "model": self.model,
        }
        if method is None:
            spec |= {"identity": name, "_use": name}
        else:
            row = recipe.methods.get(name)
            spec |= {
                "identity": identity(type(method)),
                "config": method.config.model_dump(mode="json"),
                "_use": (row.use if row else "zero-shot") or name,
            }
            if phases or method.shots:
                spec["seed"] = seed
            if method.shots:
                spec["shots"] = recipe.prompts.shots
            if trained_on == START:
                spec |= at_start(method)
        inputs = {"corpus": self.out.corpus_of(direction), "base": self.out.base, **phases}
        label = f"{name}{_on(trained_on)}: translate {direction}"
        return self.out.plan.add(Job("translate", label, spec, inputs, cost=2.0))

    def _scored(self, name: str, seed: int, trained_on: str, direction: str, test_set: str, translations: str) -> None:
        """The score job of a text, and the line that both make."""
        scores = self._score(name, trained_on, direction, test_set, translations)
        self.out.lines.append(Line(name, seed, trained_on, direction, test_set, translations, scores))

    def _score(
        self,
        name: str,
        trained_on: str,
        direction: str,
        test_set: str,
        translations: str,
        more: Mapping[str, str] = MappingProxyType({}),
        metrics: list[str] | None = None,
    ) -> str:
        """Key of the score job of a text; ``more`` are inputs of a start's, ``metrics`` those that are wanted alone."""
        spec = {**self.score_spec, "direction": direction, "test_set": test_set}
        spec |= {} if metrics is None else {"metrics": metrics}
        inputs = {"corpus": self.out.corpus_of(direction), "translations": translations, **more}
        return self.out.plan.add(Job("score", f"{name}{_on(trained_on)}: score {direction}", spec, inputs, cost=0.5))

    def _test_sets(self, direction: str) -> list[str]:
        from mtsuite.data.corpus import VALIDATION
        from mtsuite.data.sources import test_set_names

        if self.recipe.data.evaluate_on == "validation":
            return [VALIDATION]
        names = test_set_names(self.recipe.data.model_dump(mode="json"), Direction.parse(direction), self.folder)
        if not names:
            raise RecipeError(
                f"directions: no test set of data.text, data.benchmarks or data.sacrebleu serves {direction}."
            )
        return names


def _on(trained_on: str) -> str:
    """What a job's label says of its model."""
    told = {"": "", ALL: "", OWN: " (trained on it alone)", START: " (before training)"}
    return told.get(trained_on, f" (trained on {trained_on})")
