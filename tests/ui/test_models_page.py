"""The page "Models" in a real window: what is there, why not, and what a person does with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QMessageBox, QTableWidget, QWidget

from tests.ai.bad import BAD, bundle, sound
from tests.ai.packages import MAKER, identity, trust_maker, write_package
from tests.pictures import keep_picture
from workstation.ai.keys import Protection, protection_of, trusted_keys
from workstation.archive.people import add_user
from workstation.documents.signatures import make_key
from workstation.domain.people import MACHINE, Role, User
from workstation.ui.models_area import ModelsArea, page_of
from workstation.ui.models_details import CARD, CHECK, FACTS, FILES, PERFORMANCE
from workstation.ui.models_keys import KeysOfModels
from workstation.ui.models_page import ModelsPage
from workstation.ui.models_signing import SigningDialog
from workstation.ui.program import application
from workstation.ui.window import Window
from workstation.wiring import open_services

Until = Callable[..., None]


@contextmanager
def models_shown(tmp_path: Path, until: Until, role: Role) -> Iterator[tuple[Window, User]]:
    """A window at the page, with a sound model, an altered one, and a user at the desk."""
    home, models = tmp_path / "家 home", tmp_path / "模型"
    home.mkdir()
    trust_maker(home)
    sound(models)
    altered = write_package(models, identity(), id="altered")
    (altered / "card.md").write_text("# 别的", encoding="utf-8")
    lines = f"models = '{models.as_posix()}'\nai_threads = 1\n"
    (home / "settings.toml").write_text(lines, encoding="utf-8")
    with open_services(home, "zh_CN") as services:
        user = add_user(
            services.archive, MACHINE, "wang", "王主任", role, "long enough 1", make_key
        )
        application()
        window = Window(services.settings, services.archive)
        try:
            window.show()
            window.activateWindow()
            QTest.qWaitForWindowActive(window)
            QTest.keyClick(window, Qt.Key.Key_F4)
            page = page_of(window)
            until(lambda: len(page.entries) == 2)
            window.desk.sign_in(user)
            yield window, user
        finally:
            window.shut()


def area_of(window: Window) -> ModelsArea:
    found = window.findChild(ModelsArea)
    assert found is not None
    return found


def tab(page: ModelsPage, title: str) -> QWidget:
    """The tab of this title, in front."""
    from workstation.text import tr

    for number in range(page.details.count()):
        if page.details.tabText(number) == tr(title):
            page.details.setCurrentIndex(number)
            found = page.details.widget(number)
            assert found is not None
            return found
    raise AssertionError(title)


def cell(table: QTableWidget, row: int, column: int) -> str:
    item = table.item(row, column)
    assert item is not None
    return item.text()


def test_what_is_known_of_a_model(tmp_path: Path, until: Until) -> None:
    with models_shown(tmp_path, until, Role.REVIEWER) as (window, _):
        page = page_of(window)
        assert window.pages.currentWidget() is page
        page.choose("tiny")
        until(lambda: "测试用模型" in page.details.card.toPlainText())
        assert "A model for tests" not in page.details.card.toPlainText()
        assert (page.name.text(), page.state.text()) == ("微型模型　1.0.0", "✓ 可用")
        assert page.evidence.text() == "证据级别: 未作测量"
        tab(page, FACTS)
        said = page.details.facts.toPlainText()
        assert MAKER.name in said
        assert "Apache-2.0" in said
        tab(page, FILES)
        files = page.details.files
        names = [cell(files, y, 0) for y in range(files.rowCount())]
        assert {"model.onnx", "card.md", "SHA256SUMS", "SIGNATURE"} <= set(names)
        for title in (CARD, PERFORMANCE, "Statistics"):
            tab(page, title)
        page.choose("altered")
        assert page.state.text() == "⊘ 已拒绝"
        assert page.why.text() == "模型 altered：card.md 已被改动（SHA-256 与清单不符）。"
        assert not page.switch.isEnabled()
        window.commands.run("language")
        assert page.why.text().startswith("Model altered: card.md was altered")
        page.choose("tiny")
        until(lambda: "A model for tests" in page.details.card.toPlainText())
        QTest.keyClick(window, Qt.Key.Key_F4)
        assert window.pages.currentWidget() is window.worklist


def test_check_with_its_example(tmp_path: Path, until: Until) -> None:
    with models_shown(tmp_path, until, Role.READER) as (window, _):
        page = page_of(window)
        page.choose("tiny")
        page.check.click()
        until(page.bar.isVisible)
        until(lambda: page.details.report is not None, 60)
        assert page.details.report is not None
        assert page.details.report.ok
        table = page.details.check
        assert page.details.currentWidget() is table
        signs = [cell(table, y, 0) for y in range(table.rowCount())]
        assert signs == ["✓"] * 7
        assert "Dice 1.000" in cell(table, 6, 2)
        until(lambda: not page.bar.isVisible())
        page.choose("altered")
        page.check.click()
        until(lambda: page.details.report is not None, 60)
        assert cell(table, table.rowCount() - 1, 0) == "✗"
        assert tab(page, CHECK) is table


def test_switch_install_remove(tmp_path: Path, until: Until) -> None:
    with models_shown(tmp_path, until, Role.REVIEWER) as (window, user):
        page, area = page_of(window), area_of(window)
        page.choose("tiny")
        page.switch.click()
        until(lambda: page.current is not None and page.current.state == "off")
        assert page.why.text() == "已由 wang 停用。"
        page.switch.click()
        until(lambda: page.current is not None and page.current.state == "usable")
        area.install(bundle(sound(tmp_path / "new", version="1.1.0"), "tiny-1.1.0"))
        until(lambda: len(page.entries) == 3, 60)
        assert page.current is not None
        assert (page.current.place, page.current.state) == ("site", "usable")
        assert "微型模型 1.1.0" in window.notice.findChildren(QLabel)[0].text()
        page.remove.click()
        box = window.findChild(QMessageBox)
        assert box is not None
        box.buttons()[0].click()
        until(lambda: len(page.entries) == 2)
        acts = [row.actor for row in window.desk.archive.audit() if "tiny" in str(row.reason)]
        assert acts == [user.name] * 4


def test_refused_package_names_its_file(tmp_path: Path, until: Until) -> None:
    with models_shown(tmp_path, until, Role.REVIEWER) as (window, _):
        area_of(window).install(BAD["path upwards"][0](tmp_path / "bad"))
        words = window.notice.findChildren(QLabel)
        until(lambda: any("../evil.txt 指向模型包之外" in w.text() for w in words))
        assert len(page_of(window).entries) == 2


def test_reader_may_look_and_not_change(tmp_path: Path, until: Until) -> None:
    with models_shown(tmp_path, until, Role.READER) as (window, _):
        page = page_of(window)
        page.choose("tiny")
        page.switch.click()
        words = window.notice.findChildren(QLabel)
        until(lambda: any("没有此项权限：管理模型" in w.text() for w in words))
        assert page.current is not None
        assert page.current.state == "usable"


def test_keys(tmp_path: Path, until: Until) -> None:
    with models_shown(tmp_path, until, Role.REVIEWER) as (window, _):
        page = page_of(window)
        page.keys.click()
        dialog = window.findChild(KeysOfModels)
        assert dialog is not None
        until(lambda: dialog.table.rowCount() == 1)
        assert not dialog.drop.isEnabled()
        dialog.table.selectRow(0)
        dialog.drop.click()
        until(lambda: dialog.table.rowCount() == 0)
        until(lambda: all(e.state == "refused" for e in page.entries))
        file = tmp_path / "maker.pem"
        file.write_text(MAKER.public_pem, encoding="ascii")
        dialog.name.setText("影像科研组")
        dialog.trust_file(str(file))
        until(lambda: dialog.table.rowCount() == 1)
        (key,) = trusted_keys(window.desk.archive.home)
        assert (key.name, key.added_by) == ("影像科研组", "wang")
        until(lambda: any(e.state == "usable" for e in page.entries))
        dialog.trust_file(str(tmp_path / "nothing.pem"))
        until(lambda: "nothing.pem" in dialog.wrong.text())
        dialog.reject()
        QApplication.processEvents()


def test_sign_with_the_key_of_the_site(tmp_path: Path, until: Until) -> None:
    """The key is made with a passphrase typed twice; the package is then installed here."""
    with models_shown(tmp_path, until, Role.REVIEWER) as (window, user):
        page, area, home = page_of(window), area_of(window), window.desk.archive.home
        folder = sound(tmp_path / "新", version="1.2.0")
        (folder / "SIGNATURE").unlink()
        words = window.notice.findChildren(QLabel)

        def asked() -> SigningDialog:
            area.dialog = None
            area.ask_to_sign(folder)
            until(lambda: isinstance(area.dialog, SigningDialog))
            dialog = area.dialog
            assert isinstance(dialog, SigningDialog)
            return dialog

        dialog = asked()
        assert dialog.phrase is not None
        assert dialog.again is not None
        assert not dialog.ok.isEnabled()
        QTest.keyClicks(dialog.phrase, "kurz")
        assert not dialog.ok.isEnabled()  # nobody vouches yet
        dialog.vouch.setChecked(True)
        keep_picture(dialog, "signing_zh")
        dialog.ok.click()
        assert "至少需要 8 个字符" in dialog.wrong.text()
        dialog.phrase.setText("")
        QTest.keyClicks(dialog.phrase, "lang genug 1")
        QTest.keyClicks(dialog.again, "lang genug 2")
        dialog.ok.click()
        assert "口令不同" in dialog.wrong.text()
        assert protection_of(home) is Protection.NONE_YET
        dialog.again.setText("lang genug 1")
        dialog.ok.click()
        until(lambda: page.current is not None and page.current.place == "site", 120)
        assert page.current is not None
        assert page.current.state == "usable"
        assert protection_of(home) is Protection.PASSPHRASE
        (own,) = [key for key in trusted_keys(home) if key.own]
        assert (own.added_by, own.name) == (user.name, window.desk.settings.site_name)
        said = [str(row.reason) for row in window.desk.archive.audit() if row.actor == user.name]
        assert any("was signed" in one and "tiny 1.2.0" in one for one in said)

        sums = (folder / "SHA256SUMS").read_bytes(), (folder / "SIGNATURE").read_bytes()
        dialog = asked()  # once more: the key is there, and asks for its passphrase once
        assert dialog.again is None
        assert dialog.phrase is not None
        keep_picture(dialog, "signing_again_zh")
        QTest.keyClicks(dialog.phrase, "falsch 12345")
        dialog.vouch.setChecked(True)
        dialog.ok.click()
        until(lambda: any("口令" in w.text() and "⚠" in w.text() for w in words), 60)
        assert ((folder / "SHA256SUMS").read_bytes(), (folder / "SIGNATURE").read_bytes()) == sums
        window.desk.sign_in(None)
        assert page.sign.isEnabled()  # nobody: is asked for a name first
        window.commands.run("language")
        keep_picture(window, "models_page_en")
        window.commands.run("language")


def test_signing_needs_the_right_to_manage_models(tmp_path: Path, until: Until) -> None:
    with models_shown(tmp_path, until, Role.READER) as (window, _):
        page = page_of(window)
        assert not page.sign.isEnabled()
        assert not page.install.isEnabled()
        assert "管理模型的权限" in page.sign.toolTip()
        page.show_work("", None)
        assert not page.sign.isEnabled()


def test_card_reaches_for_nothing(tmp_path: Path, until: Until) -> None:
    """Pictures, links and HTML of a card are letters."""
    with models_shown(tmp_path, until, Role.READER) as (window, _):
        card = page_of(window).details.card
        card.show_card("![x](file:///etc/passwd)\n\n<b onclick='1'>bold</b>\n\n[link](http://x/)")
        assert "<b onclick='1'>bold</b>" in card.toPlainText()
        assert card.loadResource(2, "file:///etc/passwd") is None
        assert not card.openLinks()
