"""The HTTP service: requests in, cut-outs out. `build_app` is in `humatte.server.app`.

Nothing of a request becomes a path, no address is ever fetched, and only a video job writes to the
disk: into a folder of its own, which goes with it.
"""
