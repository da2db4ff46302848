"""Releases: from a tag to a bundle that anybody can check with a public key.

plan -> rebuild -> bundle (sbom, provenance, tpm, metainfo) -> sign; verify reads it all back.
"""
