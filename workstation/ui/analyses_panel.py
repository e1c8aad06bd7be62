"""The tab of measures by formula: choose one, what it measures, its parameters; what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from workstation.analyses import find_analyses
from workstation.domain.analysis import AnalysisResult, AnalysisSpec
from workstation.domain.derived import DerivedMap
from workstation.domain.errors import ReaderError
from workstation.domain.measurement import format_value
from workstation.text import language, say, tr
from workstation.ui.analyses_form import AnalysesForm
from workstation.ui.curve_picture import CurvePicture
from workstation.ui.named import named

if TYPE_CHECKING:
    from workstation.ui.analyses_area import AnalysesArea


class AnalysesPanel(QWidget):
    """Shows one analysis at a time, built from its spec."""

    def __init__(self, area: AnalysesArea, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.area = area
        self.form: AnalysesForm | None = None
        self.choice = QComboBox()
        self.choice.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.about = named(QLabel(), "dim")
        self.about.setWordWrap(True)
        self.run, self.stop = QPushButton(), QPushButton()
        self.said = QLabel()
        self.said.setWordWrap(True)
        self.numbers = QGridLayout()
        self.curves = CurvePicture()
        self.maps_head = named(QLabel(), "panelHead")
        self.maps = QVBoxLayout()
        self._slot = QVBoxLayout()
        buttons = QHBoxLayout()
        buttons.addWidget(self.run, 1)
        buttons.addWidget(self.stop)
        layout = QVBoxLayout(self)
        layout.addWidget(self.choice)
        layout.addLayout(self._slot)
        layout.addLayout(buttons)
        layout.addWidget(self.said)
        layout.addLayout(self.numbers)
        layout.addWidget(self.curves)
        layout.addWidget(self.maps_head)
        layout.addLayout(self.maps)
        layout.addWidget(self.about)
        layout.addStretch(1)
        self.choice.activated.connect(lambda _: self.build())
        self.run.clicked.connect(self._asked)
        self.stop.clicked.connect(area.stop)
        area.window.add_retranslate(self.refresh)
        self.show_running(False)
        self.refresh()

    # --- which analysis

    @property
    def spec(self) -> AnalysisSpec | None:
        """The chosen one."""
        id = self.choice.currentData()
        return next((spec for spec, _ in find_analyses() if spec.id == id), None)

    def choose(self, id: str) -> None:
        """Put an analysis in front."""
        self.choice.setCurrentIndex(self.choice.findData(id))
        self.build()

    def refresh(self) -> None:
        """Words in the language of now, choices as the study is now; what was chosen stays."""
        chosen = self.choice.currentData()
        with QSignalBlocker(self.choice):
            self.choice.clear()
            for spec, _ in find_analyses():
                words = f"{tr(spec.area)} · {spec.name.in_language(language())}"
                self.choice.addItem(words, spec.id)
            self.choice.setCurrentIndex(max(self.choice.findData(chosen), 0))
        self.run.setText(tr("Measure"))
        self.stop.setText(tr("Stop"))
        self.choice.setAccessibleName(tr("Measures by formula"))
        self.build()

    def build(self) -> None:
        """Fields for the chosen analysis; what a person has chosen in them stays."""
        before, self.form = self.form, None
        if before is not None:
            self._slot.removeWidget(before)
            before.hide()  # until it is deleted it would stand behind the next one
            before.deleteLater()
        spec = self.spec
        self.run.setEnabled(spec is not None and self.area.window.desk.contents is not None)
        if spec is None:
            return
        self.form = AnalysesForm(spec, *self.area.offered(), before)
        self._slot.addWidget(self.form)
        self.about.setText(f"{spec.formula}\n{spec.source}\n{spec.id} {spec.version}")
        self.show_maps(self.area.maps)

    # --- running

    def _asked(self) -> None:
        if self.form is None:
            return
        try:
            request = self.form.request()
        except ReaderError as error:
            self.show_wrong(say(error.message))
            return
        self.area.measure(request)

    def show_running(self, running: bool) -> None:
        """While a run is under way it can be stopped and no other begun."""
        self.stop.setVisible(running)
        self.run.setEnabled(not running and self.area.window.desk.contents is not None)
        if running:
            self.said.setText(tr("Measuring"))
            self._tone("")

    def show_wrong(self, sentence: str) -> None:
        """Why nothing was measured."""
        self._clear()
        self.said.setText(sentence)
        self._tone("error")

    def _tone(self, tone: str) -> None:
        self.said.setProperty("tone", tone)
        self.said.style().polish(self.said)

    def show_result(self, result: AnalysisResult) -> None:
        """Numbers, cautions and curves; what is proposed stands in the list of findings."""
        self._clear()
        self._tone("")
        words = [tr("Proposed: decide it in the list of findings.")]
        self.said.setText("\n".join([*words, *(say(one) for one in result.cautions)]))
        rows = [(q.name, q.site, q) for q in result.quantities]
        for candidate in result.candidates:
            rows += [(q.name, candidate.site, q) for q in (candidate.quantity, *candidate.others)]
        for at, (name, site, quantity) in enumerate(rows):
            part = site.in_language(language())
            left = QLabel(name.in_language(language()) + (f" · {part}" if part else ""))
            left.setWordWrap(True)
            self.numbers.addWidget(left, at, 0)
            value = named(QLabel(format_value(quantity.value, quantity.unit)), "strong")
            self.numbers.addWidget(value, at, 1)
        self.curves.show_curves(result.curves)

    def _clear(self) -> None:
        while self.numbers.count():
            item = self.numbers.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.curves.show_curves(())

    # --- maps

    def show_maps(self, maps: tuple[DerivedMap, ...]) -> None:
        """The study's maps, each to be shown, laid over its images or taken away."""
        while self.maps.count():
            item = self.maps.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.maps_head.setText(tr("Maps"))
        self.maps_head.setVisible(bool(maps))
        for one in maps:
            self.maps.addWidget(self._map_row(one))

    def _map_row(self, one: DerivedMap) -> QWidget:
        row = QWidget()
        above, layout = QVBoxLayout(row), QHBoxLayout()
        above.setContentsMargins(0, 0, 0, 0)
        above.setSpacing(0)
        name = QLabel(one.name.in_language(language()))
        name.setWordWrap(True)
        name.setToolTip(", ".join(f"{key} {value}" for key, value in one.settings))
        above.addWidget(name)
        above.addLayout(layout)
        for words, act in (
            (tr("Show"), self.area.show_map),
            (tr("Lay over"), self.area.lay_over),
            (tr("Remove"), self.area.remove),
        ):
            button = named(QPushButton(words), "flat")
            button.clicked.connect(lambda _=False, act=act, one=one: act(one))
            layout.addWidget(button)
        layout.addStretch(1)
        return row
