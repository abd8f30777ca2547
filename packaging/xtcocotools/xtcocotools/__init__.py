"""The names of xtcocotools that mmpose imports, over pycocotools (which is built for numpy 2)."""
