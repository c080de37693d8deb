from . import (
    brains as brains,
    data as data,
    decoding as decoding,
    dynamics as dynamics,
    evidence as evidence,
    faces as faces,
    features as features,
    networks as networks,
    people as people,
    simulations as simulations,
    studies as studies,
    units as units,
)
from .audit import Audit as Audit, Finding as Finding, audit as audit
from .brains import (
    BandedRidge as BandedRidge,
    Encoding as Encoding,
    Rdms as Rdms,
    Rsa as Rsa,
    Searchlight as Searchlight,
    Signature as Signature,
    category_model as category_model,
    distance_model as distance_model,
    encode as encode,
    explainable_variance as explainable_variance,
    rdms as rdms,
    rsa as rsa,
    searchlight as searchlight,
    signature as signature,
    trial_bands as trial_bands,
)
from .data import (
    Catalog as Catalog,
    Measurement as Measurement,
    as_recording as as_recording,
    load_recording as load_recording,
    make_recording as make_recording,
    read_catalog as read_catalog,
    read_recording as read_recording,
    save_recording as save_recording,
    trial_table as trial_table,
    unit_table as unit_table,
    write_bids as write_bids,
    write_nifti as write_nifti,
    write_nwb as write_nwb,
)
from .decoding import (
    PLSClassifierDecoder as PLSClassifierDecoder,
    PLSDecoder as PLSDecoder,
    RidgeClassifierDecoder as RidgeClassifierDecoder,
    RidgeDecoder as RidgeDecoder,
    ShrinkageLDA as ShrinkageLDA,
)
from .decoding.alignment import CrossSubject as CrossSubject, cross_subject as cross_subject
from .decoding.blends import BlendDecoder as BlendDecoder
from .decoding.calibration import CalibratedDecoder as CalibratedDecoder
from .decoding.conformal import ConformalDecoder as ConformalDecoder
from .decoding.deep import DeepDecoder as DeepDecoder
from .decoding.few_shot import FewShot as FewShot, few_shot_curve as few_shot_curve
from .decoding.intensity import (
    EmotionIntensityDecoder as EmotionIntensityDecoder,
    OrdinalDecoder as OrdinalDecoder,
)
from .decoding.personal import PersonalDecoder as PersonalDecoder
from .decoding.ridge import BalancedRidgeClassifierDecoder as BalancedRidgeClassifierDecoder
from .dynamics.generalisation import (
    Generalisation as Generalisation,
    temporal_generalisation as temporal_generalisation,
)
from .errors import (
    AffectomeError as AffectomeError,
    InputError as InputError,
    MissingExtraError as MissingExtraError,
)
from .evidence import (
    Design as Design,
    Evidence as Evidence,
    Score as Score,
    Split as Split,
    evaluate as evaluate,
    make_design as make_design,
    make_split as make_split,
    purged_time_split as purged_time_split,
    rater_ceiling as rater_ceiling,
)
from .features import (
    asymmetry as asymmetry,
    band_power as band_power,
    differential_entropy as differential_entropy,
    window_means as window_means,
)
from .networks import (
    Network as Network,
    activations as activations,
    intervene as intervene,
    load_network as load_network,
    untrained as untrained,
)
from .people import (
    Estimate as Estimate,
    Reading as Reading,
    Readings as Readings,
    read as read,
)
from .people.fusion import Fused as Fused, fuse as fuse
from .simulations import (
    Truth as Truth,
    draw_faces as draw_faces,
    simulate_attractor as simulate_attractor,
    simulate_clips as simulate_clips,
    simulate_correspondence as simulate_correspondence,
    simulate_eeg as simulate_eeg,
    simulate_maps as simulate_maps,
    simulate_mouse as simulate_mouse,
    simulate_population as simulate_population,
)
from .units import (
    Effect as Effect,
    Overlap as Overlap,
    Selectivity as Selectivity,
    enhance as enhance,
    lesion as lesion,
    overlap as overlap,
    selectivity as selectivity,
)

__version__: str
