"""Presets, camera, copies, cuts and picking: what 3D is made of, without a picture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.solid.phantoms import GRIDS, MIDDLE, ball, copied, places, soft_ball, vec
from tests.viewer.images import stack_of
from workstation import text
from workstation.domain.errors import BadInput
from workstation.domain.geometry import Grid
from workstation.domain.plane import PlaneKind
from workstation.viewing.solid_camera import VIEWS, look_from, seen_from
from workstation.viewing.solid_copy import Snip, around_body, carved, filled, prepared
from workstation.viewing.solid_look import (
    SolidLook,
    face_centres,
    look_from_json,
    moved_face,
    slab_clips,
    whole_box,
)
from workstation.viewing.solid_pick import pick, pick_mask
from workstation.viewing.solid_presets import (
    FOLDER,
    Blend,
    knots_in_values,
    preset,
    preset_for,
    presets,
    presets_for,
    read_preset,
    shifted,
)

ALL = pytest.mark.parametrize("grid", GRIDS.values(), ids=list(GRIDS))


# --- presets


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda p: p.stem)
def test_every_preset_file_is_valid(path: Path) -> None:
    made = read_preset(path)
    assert made.name and made.name_zh and 0 < made.unit_mm < 10
    assert all(0 <= c <= 1 for k in made.knots for c in (k.red, k.green, k.blue, k.opacity))
    if made.blend is Blend.SURFACE:  # what is nothing must be transparent
        assert made.knots[0].opacity == 0 and made.shaded
    if made.percentiles is None:
        assert made.modalities == ("CT",)  # only CT has a scale of its own
        assert made.knots[0].value >= -1100 and made.knots[-1].value <= 3100
    else:
        low, high = made.percentiles
        assert 0 <= low < high <= 100


def test_presets_have_names_of_their_own_in_both_languages() -> None:
    for names in ([p.name for p in presets()], [p.name_zh for p in presets()]):
        assert len(set(names)) == len(names)
    assert len({p.order for p in presets()}) == len(presets())
    text.set_language("en")
    assert preset("ct_lung").words == "CT lung"
    text.set_language("zh_CN")
    assert preset("ct_lung").words == "CT 肺"


def test_a_series_opens_with_the_look_of_its_role() -> None:
    grid = GRIDS["axial"]
    for modality, role, want in (
        ("CT", "CT head", "ct_bone"),
        ("CT", "CT abdomen", "ct_skin"),
        ("CT", "CT chest", "ct_lung"),
        ("CT", "CTA", "ct_vessels"),
        ("CT", "", "ct_bone"),
        ("MR", "TOF", "mr_angio_mip"),
        ("MR", "T1", "mr_surface"),
        ("PT", "PET", "pet_mip"),
        ("US", "", "mip"),
    ):
        stack = stack_of(grid, modality=modality, role=role)
        assert preset_for(stack).id == want
        assert preset_for(stack) in presets_for(stack)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ("order = 1\nknots = [[0, '#000000', 0]]", "knots"),
        ("order = 1\nknots = [[1, '#000000', 0], [0, '#000000', 1]]", "knots"),
        ("order = 1\nknots = [[0, '#000000', 0], [1, 'white', 1]]", "colour"),
        ("order = 1\nknots = [[0, '#000000', 0], [1, '#ffffff', 2]]", "opacity"),
        ("order = 1\ncolour = 3\nknots = [[0, '#000000', 0], [1, '#ffffff', 1]]", "unknown key"),
        ("order = = 1", "invalid"),
    ],
)
def test_a_broken_preset_names_its_file(tmp_path: Path, changed: str, said: str) -> None:
    path = tmp_path / "坏.toml"
    path.write_text(f"name = 'a'\nname_zh = 'b'\n{changed}\n", encoding="utf-8")
    with pytest.raises(BadInput) as error:
        read_preset(path)
    assert error.value.message.params["file"] == "坏.toml"
    assert said in str(error.value.message.params["why"]).lower()


def test_mr_presets_follow_the_brightness_of_the_volume() -> None:
    values = np.random.default_rng(0).gamma(2.0, 50.0, 20000)
    look = preset("mr_angio_mip")
    once, thrice = knots_in_values(look, values), knots_in_values(look, values * 3 + 7)
    assert [k.value for k in thrice] == pytest.approx([k.value * 3 + 7 for k in once])
    assert once[0].value == pytest.approx(np.percentile(values, 80))
    moved = shifted(once, 10.0, 0.5)
    assert (moved[0].value + moved[1].value) / 2 == pytest.approx(
        (once[0].value + once[1].value) / 2 + 10
    )
    assert moved[1].value - moved[0].value == pytest.approx((once[1].value - once[0].value) / 2)


# --- camera


def test_standard_views_show_the_side_they_are_named_after() -> None:
    camera = look_from(GRIDS["axial"])
    letters = {"A": (0, -1, 0), "P": (0, 1, 0), "L": (1, 0, 0), "R": (-1, 0, 0), "H": (0, 0, 1),
               "F": (0, 0, -1)}  # fmt: skip
    for side in VIEWS:
        turned = seen_from(camera, side)
        assert np.allclose(-np.asarray(turned.ahead), letters[side])
        assert np.linalg.det(np.stack([turned.right, turned.down, turned.ahead])) > 0.999
    front, feet = seen_from(camera, "A"), seen_from(camera, "F")
    assert np.allclose(front.right, (1, 0, 0)) and np.allclose(feet.right, (1, 0, 0))
    assert np.allclose(seen_from(camera, "H").right, (-1, 0, 0))


def test_the_near_side_follows_the_mouse() -> None:
    camera = look_from(GRIDS["axial"])
    near = np.asarray(camera.target_mm) - np.asarray(camera.ahead) * 20
    before = camera.to_view(near, 400, 400)
    assert camera.orbit(10, 0).to_view(near, 400, 400)[0] > before[0] + 1
    assert camera.orbit(0, 10).to_view(near, 400, 400)[1] > before[1] + 1
    assert camera.spun(10).to_view(near, 400, 400)[0] > before[0] + 1
    assert np.allclose(camera.panned(30, -20, 400).to_view(near, 400, 400)[:2],
                       before[:2] + np.array([30, -20]))  # fmt: skip
    x, y, _ = camera.to_view(near, 400, 300)
    back = camera.at(x, y, 400, 300)
    assert np.allclose(np.cross(near - back, camera.ahead), 0)
    whole = camera
    for _ in range(36):
        whole = whole.spun(10)
    assert np.allclose(whole.ahead, camera.ahead) and np.allclose(whole.up, camera.up)


# --- copies


def test_a_copy_is_small_and_in_place() -> None:
    """Complaints 1 to 3 and 6: the memory of 3D has a bound, whatever the size of the study."""
    for name, grid in GRIDS.items():
        x, y, z = np.moveaxis(places(grid), -1, 0)
        array = (3 * x + 5 * y + 7 * z).astype(np.float32)
        copy = prepared(array, grid, most=30_000)
        assert copy.voxels.size <= 30_000 and copy.voxels.dtype == np.int16, name
        assert np.linalg.det(copy.grid.matrix[:3, :3]) > 0
        at = places(copy.grid)[1:-1, 1:-1, 1:-1]  # means of blocks of a ramp are the ramp
        stored = copy.voxels[1:-1, 1:-1, 1:-1] * copy.slope + copy.intercept
        assert np.abs(stored - at @ (3.0, 5.0, 7.0)).max() < 2 * copy.slope + 1e-3, name


def test_a_copy_of_integers_keeps_their_values() -> None:
    grid = GRIDS["negated"]
    array = np.random.default_rng(1).integers(-1024, 3071, grid.shape).astype(np.int16)
    copy = prepared(array, grid)
    assert (copy.slope, copy.intercept) == (1.0, 0.0)
    assert sorted(copy.voxels.ravel()) == sorted(array.ravel())
    index = np.rint(grid.to_index(copy.grid.to_lps((3, 4, 5)))).astype(int)
    assert copy.voxels[5, 4, 3] == array[tuple(index[::-1])]


def test_a_crop_box_gives_detail_back() -> None:
    grid = GRIDS["oblique"]
    array = np.zeros(grid.shape, dtype=np.int16)
    coarse = prepared(array, grid, most=40_000)
    low, high = MIDDLE - 8, MIDDLE + 8
    fine = prepared(array, grid, most=40_000, box=(tuple(low), tuple(high)))
    assert max(fine.grid.spacing_mm) < max(coarse.grid.spacing_mm)
    corners = [(x, y, z) for x in (low[0], high[0]) for y in (low[1], high[1])
               for z in (low[2], high[2])]  # fmt: skip
    assert all(fine.grid.contains(corner) for corner in corners)


def test_broken_numbers_do_not_spread() -> None:
    grid = GRIDS["axial"]
    array = np.ones(grid.shape, dtype=np.float32)
    array[3, 4, 5] = np.nan
    copy = prepared(array, grid)
    assert np.isfinite(copy.slope) and np.isfinite(copy.values).all()


# --- cuts


def test_outline_is_filled_by_the_even_odd_rule() -> None:
    ring = np.array([(2, 2), (12, 2), (12, 10), (2, 10), (2, 2.0)])
    picture = filled(ring, (16, 14))
    assert picture.sum() == 80 and picture[2:10, 2:12].all()
    bow = np.array([(0, 0), (10, 10), (10, 0), (0, 10.0)])  # crosses itself
    wings = filled(bow, (11, 11))
    assert wings[5, 2] and wings[5, 8] and not wings[1, 5] and not wings[9, 5]


def test_air_around_the_patient_is_found_and_lungs_are_not() -> None:
    grid = Grid((60, 80, 80), tuple(tuple(r) for r in np.diag([2.0, 2.0, 2.0, 1.0])))
    middle = grid.centre_lps
    away = (places(grid) - middle) / (60.0, 60.0, 1000.0)
    body = (away**2).sum(axis=-1) < 1
    array = np.where(body, 40, -1000).astype(np.int16)
    lung = ball(grid, middle, 25.0)
    array[lung] = -850
    copy = copied(array, grid)
    around = around_body(copy)
    assert around[~body].all() and not around[lung].any()
    assert around[body].mean() < 0.15  # a thin rim of skin goes with it
    peeled = around_body(copy, peel_mm=12.0)
    depth = (1 - np.sqrt((away**2).sum(axis=-1))) * 60.0
    assert peeled[body & (depth < 9)].mean() > 0.9 and not peeled[depth > 22].any()
    look = preset("ct_lung")
    out = carved(copy, look, around)
    assert (out[around] == look.background).all() and (out[~around] == copy.voxels[~around]).all()
    assert carved(copy, preset("ct_airways"), around)[0, 0, 0] == 100
    assert carved(copy, preset("ct_bone"), around).min() == -1000
    assert carved(copy, look, None) is copy.voxels


def test_crop_faces_move_along_their_axis_within_the_volume() -> None:
    bounds = whole_box(GRIDS["oblique"])
    box = ((-5.0, -30.0, 20.0), (25.0, -10.0, 40.0))
    assert np.allclose(face_centres(box)[1], (25.0, -20.0, 30.0))
    assert moved_face(box, 1, -4.0, bounds) == (box[0], (21.0, -10.0, 40.0))
    assert moved_face(box, 0, 100.0, bounds)[0][0] == 23.0  # never thinner than 2 mm
    assert moved_face(box, 5, 1e6, bounds)[1][2] == bounds[1][2]


def test_a_look_survives_the_desk() -> None:
    camera = look_from(GRIDS["tilted oblique"]).orbit(13, 4).zoomed(2)
    snip = Snip(((0.0, 0.0), (1.0, 0.0), (0.0, 1.0)), (1.0, 2.0, 3.0), (1.0, 0.0, 0.0),
                (0.0, 1.0, 0.0), True)  # fmt: skip
    look = SolidLook(
        "ct_heart", camera, 12.5, 0.7, ((0.0, 0.0, 0.0), (1.0, 2.0, 3.0)), (snip,),
        ((PlaneKind.AXIAL, -1),), slab_clips((0, 0, 0), (0, 0, 1), 20.0), 3.0,
        (("finding", 0.4),), frozenset({"other"}), False,
    )  # fmt: skip
    assert look_from_json(json.loads(json.dumps(look.as_json()))) == look
    with pytest.raises((KeyError, TypeError, ValueError)):
        look_from_json({"preset": "ct_bone", "camera": {"target_mm": [1]}})


def test_half_cuts_go_round_and_follow_the_crosshair() -> None:
    look = SolidLook("ct_bone", look_from(GRIDS["axial"]))
    once = look.with_next_half(PlaneKind.CORONAL)
    ((through, normal),) = once.clips((1.0, 2.0, 3.0))
    assert through == (1.0, 2.0, 3.0) and normal == (0.0, 1.0, 0.0)  # the front goes first
    twice = once.with_next_half(PlaneKind.CORONAL)
    assert twice.clips((0, 0, 0))[0][1] == (0.0, -1.0, 0.0)
    assert not twice.with_next_half(PlaneKind.CORONAL).is_cut
    assert once.is_cut and not once.uncut().is_cut


# --- picking


@ALL
def test_picked_point_lies_on_the_near_face_of_a_ball(grid: Grid) -> None:
    place = MIDDLE + vec(6.0, -4.0, 8.0)
    copy = copied(soft_ball(grid, place, 12.0), grid)
    look = preset("ct_bone")
    knots = knots_in_values(look, copy.values)
    for right, down in ((0, 0), (70, 20), (-150, -40)):
        camera = look_from(grid).orbit(right, down)
        x, y = camera.to_view(place, 500, 400)[:2]
        ahead = np.asarray(camera.ahead)
        found = pick(copy, copy.voxels, look, knots, camera.at(x, y, 500, 400), ahead)
        assert found is not None
        assert np.linalg.norm(found - (place - ahead * 12.0)) < 1.5  # the edge is 1.5 mm wide
        beside = camera.at(x + 400, y, 500, 400)
        assert pick(copy, copy.voxels, look, knots, beside, ahead) is None
        cut = ((tuple(place), tuple(ahead)),)  # the near half is cut away
        inner = pick(copy, copy.voxels, look, knots, camera.at(x, y, 500, 400), ahead, cut)
        assert inner is not None and np.linalg.norm(inner - place) < 1.5
        mask = ball(grid, place, 12.0)
        depth = pick_mask(mask, grid, camera.at(x, y, 500, 400), ahead)
        hit = camera.at(x, y, 500, 400) + depth * ahead
        assert np.linalg.norm(hit - (place - ahead * 12.0)) < 1.6
    assert pick_mask(mask, grid, place + vec(100.0, 0, 0), ahead) == float("inf")


def test_picking_in_a_projection_gives_the_extreme() -> None:
    grid = GRIDS["axial"]
    place = MIDDLE + vec(4.8, 0.4, -3.2)
    array = soft_ball(grid, place, 3.0) // 2 + 200
    copy = copied(array, grid)
    camera = look_from(grid)
    x, y = camera.to_view(place, 300, 300)[:2]
    look = preset("ct_mip")
    found = pick(copy, copy.voxels, look, look.knots, camera.at(x, y, 300, 300),
                 np.asarray(camera.ahead))  # fmt: skip
    assert found is not None and np.linalg.norm(found - place) < 3.0
