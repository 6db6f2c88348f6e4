FROM python:3.12-slim

# An ordinary user owns the one place that is written to: results, data sets and caches.
RUN useradd --create-home --uid 1000 featherweight \
    && install --directory --owner=featherweight --group=featherweight /data
ENV FEATHERWEIGHT_HOME=/data

WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir --requirement requirements.txt
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
CMD ["python", "-m", "streamlit", "run", "app.py", "--server.address=0.0.0.0", "--server.port=8501"]
