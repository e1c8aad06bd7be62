"""Objects as another maker's AI server writes them: legal, and not as we write ours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
from highdicom import sr
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import ChestCADSRStorage

from tests.objects.study import SHAPE, Files, ball, grid
from workstation.domain.artefact import new_uid

MAKER = "Ruiying Imaging AI"
MODEL = "LungSight"
SOFTWARE = "5.2.1"
ALGORITHM = ("nodule-net", "4.0.3")
TUMOUR, CYST = ball((12, 60, 50), 12.0), ball((14, 66, 100), 9.0)
TRACKING = "1.2.826.0.1.3680043.8.498.777"
NODULE = sr.CodedConcept("27925004", "SCT", "Nodule")
EQUIPMENT: dict[str, Any] = {
    "manufacturer": MAKER,
    "manufacturer_model_name": MODEL,
    "software_versions": SOFTWARE,
    "device_serial_number": "RY-0042",
}


def sources_of(files: Files) -> list[Dataset]:
    return [pydicom.dcmread(path) for path in files.images]


def save(written: Dataset, path: Path) -> Path:
    written.save_as(path, enforce_file_format=True)
    return path


# --- segmentations


def _description(number: int, label: str, tracking: str) -> hd.seg.SegmentDescription:
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=NODULE if number == 1 else codes.SCT.Lesion,
        algorithm_type="AUTOMATIC",
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name=ALGORITHM[0],
            version=ALGORITHM[1],
            family=codes.cid7162.ArtificialIntelligence,
            source=MAKER,
            parameters={"threshold": "0.37"},
        ),
        tracking_uid=tracking or None,
        tracking_id=label if tracking else None,
        anatomic_regions=[codes.SCT.Lung] if number == 1 else None,
    )


def segmentation(
    sources: Sequence[Dataset],
    kind: str = "BINARY",
    *,
    tracking: str = TRACKING,
    labels: Sequence[str] = ("Nodule A", "Lesion B"),
    made: str = "20260302",
) -> Dataset:
    """Two regions. kind: BINARY, FRACTIONAL (of the first region alone) or LABELMAP."""
    masks = [TUMOUR, CYST]
    pixels: np.ndarray[Any, np.dtype[Any]]
    more: dict[str, Any] = {}
    if kind == "BINARY":
        pixels = np.stack(masks, axis=-1).astype(np.uint8)
    elif kind == "LABELMAP":
        pixels = (TUMOUR * 1 + CYST * 2).astype(np.uint8)
    else:
        pixels, labels = TUMOUR.astype(np.float32) * 0.75, labels[:1]
        more = {"fractional_type": "PROBABILITY", "max_fractional_value": 200}
    written = hd.seg.Segmentation(
        source_images=list(sources),
        pixel_array=pixels,
        segmentation_type=kind,
        segment_descriptions=[
            _description(n, label, f"{tracking}.{n}" if tracking else "")
            for n, label in enumerate(labels, start=1)
        ],
        series_instance_uid=new_uid(),
        series_number=700,
        sop_instance_uid=new_uid(),
        instance_number=1,
        series_description=f"AI {kind.lower()}",
        omit_empty_frames=True,
        **EQUIPMENT,
        **more,
    )
    written.ContentDate, written.ContentTime = made, "080000"
    return written


def many_organs(sources: Sequence[Dataset], count: int = 20) -> Dataset:
    """A segmentation of normal anatomy as whole-body segmenters write it."""
    pixels = np.zeros((*SHAPE, count), np.uint8)
    for n in range(count):
        pixels[n % SHAPE[0], 20:40, 4 * n : 4 * n + 4, n] = 1
    described = [
        hd.seg.SegmentDescription(
            segment_number=n + 1,
            segment_label=f"organ {n + 1}",
            segmented_property_category=codes.SCT.AnatomicalStructure,
            segmented_property_type=codes.SCT.Liver,
            algorithm_type="AUTOMATIC",
            algorithm_identification=hd.AlgorithmIdentificationSequence(
                name="organs", version="2", family=codes.cid7162.ArtificialIntelligence
            ),
        )
        for n in range(count)
    ]
    return hd.seg.Segmentation(
        source_images=list(sources),
        pixel_array=pixels,
        segmentation_type="BINARY",
        segment_descriptions=described,
        series_instance_uid=new_uid(),
        series_number=703,
        sop_instance_uid=new_uid(),
        instance_number=1,
        **EQUIPMENT,
    )


# --- reports


def _number(
    name: tuple[str, str, str], value: float, unit: tuple[str, str, str], derived: str = ""
) -> sr.Measurement:
    return sr.Measurement(
        name=sr.CodedConcept(*name),
        value=value,
        unit=sr.CodedConcept(*unit),
        derivation=codes.SCT.Maximum if derived == "max" else None,
    )


DIAMETER = ("81827009", "SCT", "Diameter")
MM = ("mm", "UCUM", "millimeter")
HU = ("[hnsf'U]", "UCUM", "Hounsfield unit")
SCORE = ("pts", "99RUIYING", "suspicion points")


def report(
    sources: Sequence[Dataset],
    seg: Dataset | None = None,
    *,
    predecessors: Sequence[Dataset] = (),
    diameter: float = 24.125,
) -> Dataset:
    """TID 1500 with a volumetric group, planar ones in pixels and in the patient, and odd ones."""
    image = sources[12]
    where = sr.SourceImageForRegion(image.SOPClassUID, image.SOPInstanceUID)
    corners = np.array([[40.5, 50.5], [58.5, 50.5], [58.5, 68.5], [40.5, 68.5], [40.5, 50.5]])
    algorithm = sr.AlgorithmIdentification(
        ALGORITHM[0],
        ALGORITHM[1],
        parameters=["threshold=0.37"],
        family=codes.cid7162.ArtificialIntelligence,
    )
    groups: list[Any] = [
        sr.PlanarROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=sr.TrackingIdentifier(f"{TRACKING}.11", "RY-1"),
            referenced_region=sr.ImageRegion("POLYLINE", corners, where),
            finding_type=sr.CodedConcept("4147007", "SCT", "Mass"),
            finding_sites=[sr.FindingSite(codes.SCT.Lung, laterality=codes.SCT.Left)],
            algorithm_id=algorithm,
            measurements=[
                _number(DIAMETER, diameter, MM),
                _number(("112031", "DCM", "Attenuation Coefficient"), -612.75, HU, "max"),
                _number(("RY01", "99RUIYING", "Suspicion"), 3.5, SCORE),
            ],
            qualitative_evaluations=[
                sr.QualitativeEvaluation(codes.DCM.LevelOfSignificance, codes.SCT.NotSignificant)
            ],
        ),
        _in_patient(sources),
    ]
    if seg is not None:
        volume = ("118565006", "SCT", "Volume")
        groups.append(
            sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
                tracking_identifier=sr.TrackingIdentifier(f"{TRACKING}.1", "Nodule A"),
                referenced_segment=sr.ReferencedSegment(
                    seg.SOPClassUID,
                    seg.SOPInstanceUID,
                    1,
                    source_series=sr.SourceSeriesForSegmentation(image.SeriesInstanceUID),
                ),
                finding_type=NODULE,
                algorithm_id=algorithm,
                measurements=[_number(volume, 7.2381, ("cm3", "UCUM", "cubic centimeter"))],
            )
        )
    groups.append(  # a number about an image, and nothing more
        sr.MeasurementsAndQualitativeEvaluations(
            tracking_identifier=sr.TrackingIdentifier(f"{TRACKING}.13", "whole image"),
            source_images=[
                sr.SourceImageForMeasurementGroup(sources[3].SOPClassUID, sources[3].SOPInstanceUID)
            ],
            measurements=[_number(("RY02", "99RUIYING", "Noise"), 11.5, HU)],
        )
    )
    device = sr.DeviceObserverIdentifyingAttributes(
        new_uid(), name="server 3", manufacturer_name=MAKER, model_name=MODEL
    )
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(
            observer_device_context=sr.ObserverContext(codes.DCM.Device, device)
        ),
        procedure_reported=sr.CodedConcept("24627-2", "LN", "CT Chest"),
        imaging_measurements=groups,
    )
    _make_odd(content[0])
    return sr.Comprehensive3DSR(
        evidence=[*sources, *([seg] if seg is not None else [])],
        content=content[0],
        series_instance_uid=new_uid(),
        series_number=701,
        sop_instance_uid=new_uid(),
        instance_number=1,
        is_complete=True,
        series_description="LungSight findings",
        previous_versions=list(predecessors) or None,
        **EQUIPMENT,
    )


def _in_patient(sources: Sequence[Dataset]) -> sr.PlanarROIMeasurementsAndQualitativeEvaluations:
    """A polygon in patient coordinates on slice 6."""
    pixels = [(80.0, 40.0), (96.0, 40.0), (96.0, 52.0), (80.0, 52.0), (80.0, 40.0)]
    points = grid().to_lps(np.array([(x, y, 6.0) for x, y in pixels]))
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(f"{TRACKING}.12", "RY-2"),
        referenced_region=sr.ImageRegion3D("POLYGON", points, sources[0].FrameOfReferenceUID),
        finding_type=codes.SCT.Lesion,
        measurements=[_number(("42798000", "SCT", "Area"), 3.28, ("cm2", "UCUM", "cm2"))],
    )


def _make_odd(root: Dataset) -> None:
    """Legal choices that few make: groups in a container of their own, one without tracking."""
    measurements = next(
        item
        for item in root.ContentSequence
        if item.ConceptNameCodeSequence[0].CodeValue == "126010"
    )
    groups = list(measurements.ContentSequence)
    inner = sr.ContainerContentItem(
        name=sr.CodedConcept("RY10", "99RUIYING", "Left lung"), relationship_type="CONTAINS"
    )
    inner.ContentSequence = sr.ContentSequence(groups[:1])
    measurements.ContentSequence = sr.ContentSequence([inner, *groups[1:]])
    groups[1].ContentSequence = sr.ContentSequence(
        [
            item
            for item in groups[1].ContentSequence
            if item.ConceptNameCodeSequence[0].CodeValue not in {"112039", "112040"}
        ]
    )


def rejection(withdrawn: Dataset, title: Any = codes.cid7010.RejectedForQualityReasons) -> Dataset:
    """A key object document by which the maker takes an object back (IHE IOCM)."""
    content = hd.ko.KeyObjectSelection(document_title=title, referenced_objects=[withdrawn])
    return hd.ko.KeyObjectSelectionDocument(
        evidence=[withdrawn],
        content=content,
        series_instance_uid=new_uid(),
        series_number=709,
        sop_instance_uid=new_uid(),
        instance_number=1,
        manufacturer=MAKER,
    )


# --- parametric map


def parametric_map(sources: Sequence[Dataset]) -> Dataset:
    """Extracellular volume in percent, floats."""
    values = np.linspace(0, 60, int(np.prod(SHAPE)), dtype=np.float32).reshape(SHAPE)
    mapping = hd.pm.RealWorldValueMapping(
        lut_label="ECV",
        lut_explanation="Extracellular volume fraction",
        unit=codes.UCUM.Percent,
        value_range=(0.0, 100.0),
        slope=1.0,
        intercept=0.0,
        quantity_definition=sr.CodedConcept("RY03", "99RUIYING", "Extracellular volume"),
    )
    return hd.pm.ParametricMap(
        source_images=list(sources),
        pixel_array=values,
        series_instance_uid=new_uid(),
        series_number=705,
        sop_instance_uid=new_uid(),
        instance_number=1,
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[mapping],
        voi_lut_transformations=[hd.VOILUTTransformation(window_center=30.0, window_width=60.0)],
        series_description="ECV map",
        **EQUIPMENT,
    )


# --- CAD (TID 4100), which no library writes


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _item(
    relationship: str, kind: str, name: tuple[str, str, str] | None, **values: Any
) -> Dataset:
    item = Dataset()
    if relationship:
        item.RelationshipType = relationship
    item.ValueType = kind
    if name is not None:
        item.ConceptNameCodeSequence = [_code(*name)]
    for keyword, value in values.items():
        setattr(item, keyword, value)
    if kind == "CONTAINER":
        item.ContinuityOfContent = "SEPARATE"
    return item


def _reference(path: Sequence[int]) -> Dataset:
    item = Dataset()
    item.RelationshipType = "SELECTED FROM"
    item.ReferencedContentItemIdentifier = list(path)
    return item


def _numeric(name: tuple[str, str, str], value: str, unit: tuple[str, str, str]) -> Dataset:
    measured = Dataset()
    measured.NumericValue = value
    measured.MeasurementUnitsCodeSequence = [_code(*unit)]
    return _item("HAS PROPERTIES", "NUM", name, MeasuredValueSequence=[measured])


def _single(
    image: Sequence[int], centre: tuple[float, float], outline: list[float], intent: str, name: str
) -> Dataset:
    """A Single Image Finding (TID 4104): centre and outline on a library image by reference."""
    intents = {
        "show": ("111150", "DCM", "Presentation Required: Rendering device is expected to present"),
        "hide": ("111152", "DCM", "Not for Presentation: Rendering device expected not to present"),
    }
    middle = _item(
        "HAS PROPERTIES", "SCOORD", ("111010", "DCM", "Center"),
        GraphicType="POINT", GraphicData=list(centre), ContentSequence=[_reference(image)],
    )  # fmt: skip
    edge = _item(
        "HAS PROPERTIES", "SCOORD", ("111041", "DCM", "Outline"),
        GraphicType="POLYLINE", GraphicData=outline, ContentSequence=[_reference(image)],
    )  # fmt: skip
    found = _item(
        "INFERRED FROM", "CODE", ("111059", "DCM", "Single Image Finding"),
        ConceptCodeSequence=[_code("27925004", "SCT", "Nodule")],
    )  # fmt: skip
    found.ContentSequence = [
        _item("HAS CONCEPT MOD", "CODE", ("111056", "DCM", "Rendering Intent"),
              ConceptCodeSequence=[_code(*intents[intent])]),
        _item("HAS OBS CONTEXT", "TEXT", ("112039", "DCM", "Tracking Identifier"), TextValue=name),
        _item("HAS OBS CONTEXT", "TEXT", ("111001", "DCM", "Algorithm Name"),
              TextValue=ALGORITHM[0]),
        _item("HAS OBS CONTEXT", "TEXT", ("111003", "DCM", "Algorithm Version"),
              TextValue=ALGORITHM[1]),
        _numeric(("111012", "DCM", "Certainty of Finding"), "87", ("%", "UCUM", "Percent")),
        middle,
        edge,
    ]  # fmt: skip
    return found


def chest_cad(sources: Sequence[Dataset]) -> Dataset:
    """Two nodules: one seen on two slices (a composite feature), one not for presentation."""
    series_uid = sources[0].SeriesInstanceUID
    library = _item("CONTAINS", "CONTAINER", ("111028", "DCM", "Image Library"))
    library.ContentSequence = []
    for z in (10, 11):
        reference = Dataset()
        reference.ReferencedSOPClassUID = sources[z].SOPClassUID
        reference.ReferencedSOPInstanceUID = sources[z].SOPInstanceUID
        library.ContentSequence.append(
            _item("CONTAINS", "IMAGE", None, ReferencedSOPSequence=[reference])
        )
    square = [60.5, 30.5, 70.5, 30.5, 70.5, 40.5, 60.5, 40.5, 60.5, 30.5]
    composite = _item(
        "INFERRED FROM", "CODE", ("111015", "DCM", "Composite Feature"),
        ConceptCodeSequence=[_code("27925004", "SCT", "Nodule")],
    )  # fmt: skip
    composite.ContentSequence = [
        _item("HAS CONCEPT MOD", "CODE", ("111056", "DCM", "Rendering Intent"),
              ConceptCodeSequence=[_code("111150", "DCM", "Presentation Required")]),
        _numeric(("81827009", "SCT", "Diameter"), "15.25", MM),
        _numeric(("111047", "DCM", "Probability of cancer"), "62.5", ("%", "UCUM", "Percent")),
        _single((1, 1, 1), (65.5, 35.5), square, "show", "N1 a"),
        _single((1, 1, 2), (65.5, 35.5), square, "show", "N1 b"),
    ]  # fmt: skip
    impression = _item(
        "CONTAINS", "CONTAINER", ("111034", "DCM", "Individual Impression/Recommendation")
    )
    impression.ContentSequence = [
        composite,
        _single((1, 1, 2), (20.5, 20.5), [float(v - 40) for v in square], "hide", "N2"),
    ]
    summary = _item(
        "CONTAINS", "CODE", ("111017", "DCM", "CAD Processing and Findings Summary"),
        ConceptCodeSequence=[
            _code("111242", "DCM", "All algorithms succeeded; with findings")
        ],
        ContentSequence=[impression],
    )  # fmt: skip
    root = Dataset()
    root.ValueType, root.ContinuityOfContent = "CONTAINER", "SEPARATE"
    root.ConceptNameCodeSequence = [_code("112000", "DCM", "Chest CAD Report")]
    template = Dataset()
    template.MappingResource, template.TemplateIdentifier = "DCMR", "4100"
    root.ContentTemplateSequence = [template]
    root.ContentSequence = [library, summary]
    # The library's document class gives the modules; the content is set in its place.
    made = hd.sr.ComprehensiveSR(
        evidence=list(sources),
        content=hd.sr.MeasurementReport(
            observation_context=sr.ObservationContext(
                observer_device_context=sr.ObserverContext(
                    codes.DCM.Device, sr.DeviceObserverIdentifyingAttributes(new_uid())
                )
            ),
            procedure_reported=codes.cid100.ImagingProcedure,
            imaging_measurements=[
                sr.MeasurementsAndQualitativeEvaluations(
                    tracking_identifier=sr.TrackingIdentifier(new_uid(), "x")
                )
            ],
        )[0],
        series_instance_uid=new_uid(),
        series_number=702,
        sop_instance_uid=new_uid(),
        instance_number=1,
        is_complete=True,
        series_description="Chest CAD",
        **EQUIPMENT,
    )
    assert series_uid
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = ChestCADSRStorage
    for element in root:
        made[element.tag] = element
    return made
