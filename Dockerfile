# docker build -t featherweight .                               trains on the processor
# docker build -t featherweight:gpu --build-arg DEVICE=gpu .    trains on an NVIDIA card
FROM python:3.12-slim
ARG DEVICE=cpu

# An ordinary user owns the one place that is written to: results, data sets and caches.
RUN useradd --create-home --uid 1000 featherweight \
    && install --directory --owner=featherweight --group=featherweight /data
ENV FEATHERWEIGHT_HOME=/data
# Keras writes there too and not into a home.
ENV KERAS_HOME=/data/cache/keras
# Found from every folder, even where PYTHONSAFEPATH is set.
ENV PYTHONPATH=/app
# What a GPU's driver lends: computing, and telling of its memory and use.
ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility

WORKDIR /app
COPY requirements-${DEVICE}.lock requirements.lock
RUN pip install --no-cache-dir --require-hashes --requirement requirements.lock
# TensorFlow 2.21 looks for most of CUDA's libraries beside itself, but not for cusolver, curand, nvjitlink and nvrtc:
# unless the system knows where they are, it finds no GPU. Without them this lists nothing.
RUN python -c 'import glob, sysconfig; print(*glob.glob(sysconfig.get_path("purelib") + "/nvidia/*/lib"), sep="\n")' \
    > /etc/ld.so.conf.d/featherweight.conf \
    && ldconfig
COPY .streamlit/config.toml .streamlit/
COPY app.py ./
COPY core core
COPY pages pages

# By number, so that whoever runs the image can see that it is not root.
USER 1000
VOLUME /data
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
# No shell in between: SIGTERM reaches the dashboard itself, which ends the training and keeps what is finished.
CMD ["python", "-m", "streamlit", "run", "app.py", "--server.address=0.0.0.0", "--server.port=8501"]
