from . import (
    compare as compare,
)
from . import (
    emergence as emergence,
)
from . import (
    emonet as emonet,
)
from . import (
    encoding as encoding,
)
from . import (
    mouse_faces as mouse_faces,
)
from . import (
    neural_code as neural_code,
)
from . import (
    signature as signature,
)
from . import (
    similarity as similarity,
)
