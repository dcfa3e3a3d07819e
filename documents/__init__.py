"""Documents: pure text and pictures from the live catalog, the reports and the records."""

from .dossier import Dossier
from .write import document_paths, write_documents

__all__ = ["Dossier", "document_paths", "write_documents"]
