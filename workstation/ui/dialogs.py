"""Dialogs about people: who reads, and the name under a report."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from workstation.domain.people import Role, User
from workstation.text import tr
from workstation.ui.named import named


class PersonDialog(QDialog):
    """A form with a sentence for what went wrong and two buttons."""

    def __init__(self, title: str, action: str, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setMinimumWidth(420)
        self.column = QVBoxLayout(self)
        self.form = QFormLayout()
        self.column.addLayout(self.form)
        self.wrong = named(QLabel(), "wrong")
        self.wrong.setWordWrap(True)
        self.wrong.hide()
        self.column.addWidget(self.wrong)
        self.buttons = QDialogButtonBox()
        self.ok = self.buttons.addButton(action, QDialogButtonBox.ButtonRole.AcceptRole)
        self.buttons.addButton(tr("Cancel"), QDialogButtonBox.ButtonRole.RejectRole)
        self.buttons.accepted.connect(self.confirm)
        self.buttons.rejected.connect(self.reject)
        self.column.addWidget(self.buttons)
        self.work: Callable[[], None] = self.accept

    def password_field(self, label: str) -> QLineEdit:
        """A field that hides what is typed."""
        field = QLineEdit(echoMode=QLineEdit.EchoMode.Password)
        self.form.addRow(label, field)
        return field

    def say_wrong(self, sentence: str) -> None:
        """Say why it did not work; the form stays open."""
        self.wrong.setText("⚠ " + sentence)
        self.wrong.show()
        self.setEnabled(True)
        for field in self.findChildren(QLineEdit):
            if field.echoMode() is QLineEdit.EchoMode.Password:
                field.setFocus()
                field.selectAll()
                break

    def confirm(self) -> None:
        """What the action button does: the form stays open until the work succeeded."""
        self.work()


class SignInDialog(PersonDialog):
    """Who sits at the desk: a known user with a password."""

    def __init__(self, users: Sequence[User], parent: QWidget | None = None) -> None:
        super().__init__(tr("Sign in"), tr("Sign in"), parent)
        self.name = QComboBox()
        for user in users:
            self.name.addItem(f"{user.display_name} ({tr(user.role.value)})", user.name)
        self.form.addRow(tr("User"), self.name)
        self.password = self.password_field(tr("Password"))
        self.password.setFocus()

    @property
    def user_name(self) -> str:
        """The chosen user's name."""
        return str(self.name.currentData())


class NewUserDialog(PersonDialog):
    """The first reader of a workstation; later users are added by an administrator."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("New reader"), tr("Add and sign in"), parent)
        about = QLabel(
            tr("This workstation has no users yet. Your name stands under the reports you sign, "
               "and a signing key of your own is made, locked with your password.")
        )  # fmt: skip
        about.setWordWrap(True)
        self.column.insertWidget(0, about)
        self.display_name = QLineEdit()
        self.form.addRow(tr("Name under reports"), self.display_name)
        self.name = QLineEdit()
        self.form.addRow(tr("User name"), self.name)
        self.role = QComboBox()
        for role in (Role.READER, Role.REVIEWER):
            self.role.addItem(tr(role.value), role)
        self.form.addRow(tr("Role"), self.role)
        self.password = self.password_field(tr("Password"))
        self.again = self.password_field(tr("The same again"))

    def confirm(self) -> None:
        if not self.name.text().strip() or not self.display_name.text().strip():
            self.say_wrong(tr("Please fill in both names."))
        elif self.password.text() != self.again.text():
            self.say_wrong(tr("The two passwords differ. Nothing was changed."))
        else:
            super().confirm()


class SignDialog(PersonDialog):
    """What is being signed, by whom, and the password once more."""

    def __init__(self, user: User, summary: str, parent: QWidget | None = None) -> None:
        super().__init__(tr("Sign report"), tr("Sign"), parent)
        text = named(QLabel(summary), "reportText")
        text.setTextFormat(Qt.TextFormat.PlainText)
        text.setWordWrap(True)
        self.column.insertWidget(0, text)
        self.form.addRow(tr("Signed by"), QLabel(f"{user.display_name} ({tr(user.role.value)})"))
        self.password = self.password_field(tr("Password"))
        self.password.setFocus()


class AddendumDialog(PersonDialog):
    """An addition to a signed report: the original stays as it is."""

    def __init__(self, user: User, parent: QWidget | None = None) -> None:
        super().__init__(tr("Addendum"), tr("Sign addendum"), parent)
        self.setMinimumWidth(560)
        self.words = named(QPlainTextEdit(), "freeText")
        self.form.addRow(tr("Text"), self.words)
        self.why = QLineEdit()
        self.form.addRow(tr("Reason"), self.why)
        self.form.addRow(tr("Signed by"), QLabel(user.display_name))
        self.password = self.password_field(tr("Password"))

    def confirm(self) -> None:
        if not self.words.toPlainText().strip() or not self.why.text().strip():
            self.say_wrong(tr("Text and reason are both needed."))
        else:
            super().confirm()
