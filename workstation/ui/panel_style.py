"""The part of the style sheet that belongs to the panels around the images."""

from __future__ import annotations

from workstation.ui.theme import ACCEPTED, BACKGROUND, DANGER, DIM, FOCUS, LINE, PANEL, PROPOSED

_CHIP = "border-radius: 9px; padding: 2px 10px;"

PANELS = f"""
#banner {{ background: {PANEL}; border-bottom: 1px solid {LINE}; }}
#patient {{ font-size: 13pt; font-weight: bold; color: #ffffff; }}
#strong {{ font-weight: bold; }}
#dim, #cardDim, #thumbName {{ color: {DIM}; font-size: 9pt; }}
#chip {{ background: {LINE}; {_CHIP} }}
#chipDanger {{ background: #5c1f22; color: #ff9a96; {_CHIP} }}
#chipOk {{ background: #173a2c; color: {ACCEPTED}; {_CHIP} }}
#chipResearch {{ color: #f0cf6a; border: 1px solid #f0cf6a; {_CHIP} }}
QPushButton#flat {{ background: transparent; border: 1px solid transparent; padding: 3px 8px; }}
QPushButton#flat:hover {{ background: {LINE}; }}
QPushButton#flat:focus {{ border-color: {FOCUS}; }}
#notice {{ border-bottom: 1px solid {LINE}; }}
#notice[kind="error"] {{ background: #3a1a1c; }}
#notice[kind="error"] QLabel {{ color: #ffb3b0; }}
#notice[kind="news"] {{ background: #16283b; }}
#worklist {{ font-size: 11pt; border: 0; }}
#search {{ font-size: 12pt; padding: 7px 10px; }}
#strip, #stripBody, #findings, #panelBody {{ background: {PANEL}; border: 0; }}
#strip {{ border-right: 1px solid {LINE}; }}
#stripHead, #stripMissing {{ color: {DIM}; font-size: 9pt; }}
#stripMissing {{ font-size: 8pt; }}
QPushButton#stripButton {{ background: transparent; border: 0; color: {FOCUS}; font-size: 9pt;
    padding: 0; text-align: left; }}
QPushButton#stripButton:hover {{ text-decoration: underline; }}
#thumb {{ background: #000000; border: 1px solid {LINE}; border-radius: 3px; }}
#thumb:hover {{ border-color: #46505c; }}
#thumb:focus, #thumb[shown="true"] {{ border-color: {FOCUS}; }}
#thumb QLabel {{ background: #000000; padding: 0 3px; }}
#thumbTitle {{ font-size: 9pt; }}
#thumbName {{ font-size: 8pt; }}
#card {{ background: #171c22; border: 1px solid {LINE}; border-left: 3px solid {DIM};
    border-radius: 3px; }}
#card[state="proposed"] {{ border-left-color: {PROPOSED}; }}
#card[state="accepted"], #card[state="edited"], #card[state="added"] {{
    border-left-color: {ACCEPTED}; }}
#card[state="rejected"] QLabel {{ color: #666e78; }}
#card[focused="true"] {{ background: #1b2937; border-color: #2c4d70; }}
#cardTitle {{ font-weight: bold; font-size: 11pt; color: #eef1f4; }}
#cardValue {{ font-weight: bold; font-size: 11pt; color: #ffffff; }}
QPushButton#accept {{ background: #1c4433; border-color: #2a6148; color: #c9f2df; }}
QPushButton#reject:hover {{ border-color: {DANGER}; }}
#panelHead {{ color: #9fb2c8; font-weight: bold; }}
#refusal {{ color: {DIM}; font-size: 9pt; }}
#caution {{ color: {PROPOSED}; font-size: 9pt; }}
#judgeRow {{ border: 0; border-radius: 3px; }}
#judgeRow:hover {{ background: {LINE}; }}
#rowName, #rowState {{ color: {DIM}; font-size: 9pt; }}
#judgeRow[state="found"] #rowName, #judgeRow[state="found"] #rowState {{ color: #d5d9de; }}
#judgeRow[state="uncertain"] #rowName, #judgeRow[state="uncertain"] #rowState {{
    color: {PROPOSED}; }}
#judgeRow[state="running"] #rowName, #judgeRow[state="running"] #rowState {{ color: {FOCUS}; }}
#alertNotice {{ background: #7a1418; border-bottom: 2px solid {DANGER}; }}
#alertText {{ color: #ffffff; font-weight: bold; font-size: 12pt; }}
QPushButton#acknowledge {{ background: #ffffff; color: #7a1418; border-color: #ffffff;
    font-weight: bold; padding: 5px 16px; }}
QPushButton#acknowledge:focus {{ border-color: {FOCUS}; }}
#queueStrip {{ background: {PANEL}; border: 1px solid {LINE}; border-radius: 3px; }}
#alertTimes {{ background: #3a1a1c; border: 1px solid {DANGER}; border-radius: 3px; }}
#alertHead {{ color: #ffb3b0; font-weight: bold; }}
#alertHead[lowered="true"] {{ color: {DIM}; }}
#report {{ border-top: 1px solid {LINE}; }}
#reportSection {{ font-weight: bold; color: #ffffff; padding-top: 3px; }}
#freeText {{ background: {BACKGROUND}; border: 1px solid {LINE}; padding: 1px 3px; }}
#obstacles {{ color: {PROPOSED}; font-size: 9pt; }}
#toolbar {{ background: {PANEL}; border-bottom: 1px solid {LINE}; }}
QToolButton#group {{ background: transparent; border: 1px solid transparent; padding: 3px 7px; }}
QToolButton#quick {{ background: transparent; border: 1px solid transparent; padding: 3px;
    border-radius: 3px; }}
QToolButton#group:hover, QToolButton#quick:hover {{ background: {LINE}; }}
QToolButton#group:focus, QToolButton#quick:focus {{ border-color: {FOCUS}; }}
QToolButton#quick:checked {{ background: #1f4468; border-color: {FOCUS}; }}
#patternPanel {{ background: {PANEL}; border: 1px solid {LINE}; }}
#statusBar QPushButton {{ color: {DIM}; font-size: 9pt; padding: 0 6px; }}
QTabBar QToolButton {{ padding: 0; }}
#otherStudies {{ border: 1px solid {LINE}; }}
QToolButton#group[chosen="true"] {{ color: {FOCUS}; border-color: {FOCUS}; border-radius: 3px; }}
QToolButton#group::menu-indicator {{ image: none; }}
QPushButton#sign {{ background: #2563b0; border-color: #2f78d0; color: #ffffff;
    font-weight: bold; padding: 6px 18px; }}
QPushButton#sign:disabled {{ background: #1c3557; color: #6f8096; border-color: #1c3557; }}
#wrong {{ color: {DANGER}; }}
#measurements {{ border: 0; }}
#marks::indicator:unchecked, #objects::indicator:unchecked, #segments::indicator:unchecked {{
    border: 1px solid {DIM}; width: 11px; height: 11px; }}
#patientTab {{ background: {PANEL}; }}
#statusBar {{ background: {PANEL}; border-top: 1px solid {LINE}; }}
#statusBar QLabel {{ color: {DIM}; font-size: 9pt; }}
"""
